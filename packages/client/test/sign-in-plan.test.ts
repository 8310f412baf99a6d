import { silentLog } from "@smcp/core";
import { expect, test } from "vitest";

import { makePlan } from "../src/sign-in/plan.ts";
import type { BoundedFetch } from "../src/tokens/bounded-fetch.ts";
import { settingsFor, type Changes } from "./settings.ts";

const NOTHING_KNOWN = { pinned: undefined, session: undefined };

/** The web as a table of documents; everything else is 404. */
function web(documents: Readonly<Record<string, unknown>>): { fetch: BoundedFetch; asked: string[] } {
  const asked: string[] = [];
  const fetch: BoundedFetch = (url) => {
    asked.push(url);
    const document = documents[url];
    return Promise.resolve(new Response(JSON.stringify(document ?? {}), { status: document ? 200 : 404 }));
  };
  return { fetch, asked };
}

async function planOf(
  server: string,
  documents: Readonly<Record<string, unknown>>,
  changes: Changes = {},
): Promise<{ plan: Awaited<ReturnType<typeof makePlan>>; asked: string[] }> {
  const { fetch, asked } = web(documents);
  const plan = await makePlan(settingsFor(server, changes), {}, NOTHING_KNOWN, { fetch, log: silentLog });
  return { plan, asked };
}

function issuerAt(issuer: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, ...more };
}

const SERVER = "https://mcp.example.com";
const METADATA = `${SERVER}/.well-known/oauth-protected-resource`;

test("a server in the clear is not believed, and not even asked, unless --oidc-issuer is given", async () => {
  const { plan, asked } = await planOf("http://mcp.example.com", {});
  expect(plan).toMatchObject({
    refused: "SIGN_IN_REFUSED",
    facts: {
      reason:
        "the smcp server at mcp.example.com is not https, so the identity provider that it names cannot be believed: give --oidc-issuer",
    },
  });
  expect(asked).toEqual([]);
  const issuer = "https://idp.example.com";
  const documents = { [`${issuer}/.well-known/openid-configuration`]: issuerAt(issuer) };
  expect((await planOf("http://mcp.example.com", documents, { oidc: { issuer } })).plan).toMatchObject({ issuer });
});

test("a remote server cannot send anybody to an issuer on their own machine", async () => {
  for (const [issuer, wrong] of [
    ["http://127.0.0.1:8080", "not https"],
    ["https://localhost", "on an address where none can be"],
  ]) {
    const { plan, asked } = await planOf(SERVER, { [METADATA]: { resource: SERVER, authorization_servers: [issuer] } });
    const reason = `the smcp server at mcp.example.com names an identity provider that is ${wrong}`;
    expect(plan).toMatchObject({ refused: "SIGN_IN_REFUSED", facts: { reason } });
    expect(asked).toEqual([METADATA]);
  }
});

test("Microsoft is told the target by scopes alone", async () => {
  const issuer = "https://login.microsoftonline.com/tenant/v2.0";
  const { plan } = await planOf(SERVER, {
    [METADATA]: { resource: SERVER, authorization_servers: [issuer], scopes_supported: ["api://app/.default"] },
    [`${issuer}/.well-known/openid-configuration`]: issuerAt(issuer, {
      scopes_supported: ["openid", "offline_access"],
    }),
  });
  expect(plan).toMatchObject({ resource: undefined, scopes: ["api://app/.default", "openid", "offline_access"] });
  const given = await planOf(
    SERVER,
    {
      [METADATA]: { resource: SERVER, authorization_servers: [issuer] },
      [`${issuer}/.well-known/openid-configuration`]: issuerAt(issuer),
    },
    { oidc: { resource: "api://app" } },
  );
  expect(given.plan).toMatchObject({ resource: "api://app" });
});

test("a person's issuer may lack the slash that the provider writes; the provider's own spelling is used", async () => {
  const issuer = "https://tenant.auth0.example/";
  const { plan } = await planOf(
    SERVER,
    { "https://tenant.auth0.example/.well-known/openid-configuration": { ...issuerAt(issuer), issuer } },
    { oidc: { issuer: "https://tenant.auth0.example" } },
  );
  expect(plan).toMatchObject({ issuer });
});
