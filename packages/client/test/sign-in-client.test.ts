import { expect, test, vi } from "vitest";

import { namedClient } from "../src/sign-in/client-at-issuer.ts";
import { say } from "./fake-issuer.ts";
import { startFakeProvider, type FakeProvider } from "./fake-provider.ts";
import { quiet, signIn } from "./by-hand.ts";
import { errorIn, startInFront, startProtected } from "./protected.ts";
import { settingsFor } from "./settings.ts";
import { scratchFolder } from "./state-folder.ts";

const WAIT = { timeout: 20_000, interval: 50 };

const SCOPES: readonly (readonly [string, string | null, Partial<FakeProvider>, Record<string, unknown>])[] = [
  ["nothing said", "openid", {}, {}],
  [
    "nothing said, by an issuer without OpenID",
    null,
    { metadata: { id_token_signing_alg_values_supported: undefined } },
    {},
  ],
  ["the metadata's", "docs:read", { resource: { scopes_supported: ["docs:read"] } }, {}],
  ["a flag's", "mine", { resource: { scopes_supported: ["docs:read"] } }, { areScopesGiven: true, scopes: ["mine"] }],
  ["the challenge's", "docs:write", { challenge: 'scope="docs:write"' }, {}],
  [
    "the challenge's and a flag's",
    "docs:write mine",
    { challenge: 'scope="docs:write"' },
    { areScopesGiven: true, scopes: ["mine"] },
  ],
  [
    "who it is and offline access where the issuer lists them",
    "docs:read openid offline_access",
    {
      metadata: { scopes_supported: ["openid", "offline_access", "email"] },
      resource: { scopes_supported: ["docs:read"] },
    },
    {},
  ],
];

for (const [title, scope, at, oidc] of SCOPES) {
  test(`scopes: ${title}`, async () => {
    await using provider = await startFakeProvider();
    Object.assign(provider, at);
    const { call, person } = await startInFront(provider.server, { oidc: { clientId: "x", ...oidc } }, quiet());
    await call();
    expect(new URL(person.opened[0] ?? "").searchParams.get("scope")).toBe(scope);
  });
}

const RESOURCES: readonly (readonly [Record<string, unknown>, string | null, string | null])[] = [
  [{}, "SERVER", null],
  [{ resource: "off" }, null, null],
  [{ resource: "urn:r" }, "urn:r", null],
  [{ audience: "api" }, null, "api"],
];

for (const [oidc, resource, audience] of RESOURCES) {
  test(`resource and audience with ${JSON.stringify(oidc)} are the same in both requests`, async () => {
    await using provider = await startFakeProvider();
    const asked = await signIn(provider, provider.server, { oidc: { clientId: "x", ...oidc } });
    const expected = resource === "SERVER" ? provider.server : resource;
    expect([asked.get("resource"), asked.get("audience")]).toEqual([expected, audience]);
    const [form] = provider.grants;
    expect([form?.get("resource") ?? null, form?.get("audience") ?? null]).toEqual([expected, audience]);
  });
}

test("a client that nobody names is registered as a native one, once, and signs in", async () => {
  const { url, issuer } = await startProtected({ registers: true }, { flows: [] });
  const { call, person } = await startInFront(url);
  await call();
  await vi.waitFor(async () => expect(errorIn(await call())).toBeUndefined(), WAIT);
  expect(new URL(person.opened[0] ?? "").searchParams.get("client_id")).not.toBe("smcp-laptop");
  expect(issuer.requestsTo("/reg")).toBe(1);
});

test("a client that was registered is used again after a restart, on its port", async () => {
  await using provider = await startFakeProvider();
  provider.metadata = { registration_endpoint: `${provider.url}/register` };
  const kept = { tokenStore: "file", stateFolder: scratchFolder() } as const;
  const first = await signIn(provider, provider.server, { ...kept, oidc: {} });
  provider.judge = (token) => (token === "token-1" ? 'error="invalid_token"' : undefined);
  provider.grant = (form, response) => {
    if (form.get("grant_type") !== "refresh_token") return false;
    say(response, 400, { error: "invalid_grant" });
    return true;
  };
  const again = await signIn(provider, provider.server, { ...kept, oidc: {} });
  expect(again.get("redirect_uri")).toBe(first.get("redirect_uri"));
  const registrations = (): number => provider.seen.filter((one) => one.url === "/register").length;
  expect(registrations()).toBe(1);
});

test("the registration says what it is for", async () => {
  await using provider = await startFakeProvider();
  provider.metadata = { registration_endpoint: `${provider.url}/register` };
  const { call, person } = await startInFront(provider.server, {}, quiet());
  await call();
  const asked = new URL(person.opened[0] ?? "").searchParams;
  const sent = provider.seen.find((one) => one.url === "/register");
  expect(JSON.parse(sent?.body ?? "")).toEqual({
    client_name: "smcp client",
    application_type: "native",
    token_endpoint_auth_method: "none",
    redirect_uris: [asked.get("redirect_uri")],
    response_types: ["code"],
    grant_types: ["authorization_code", "refresh_token"],
    scope: "openid",
  });
  expect(asked.get("client_id")).toBe("registered");
});

test("no client at all is told, with both ways out", async () => {
  await using provider = await startFakeProvider();
  const { call, person } = await startInFront(provider.server, {}, quiet());
  expect(errorIn(await call())).toMatchObject({
    code: 40102,
    message: `the identity provider ${provider.host} knows no client that smcp could sign in as, and registers none: give --oidc-client-id, or set client.client_id at the server`,
  });
  expect(person.opened).toEqual([]);
});

test("a document about the client is its id where the server holds it and the issuer reads such", () => {
  const settings = settingsFor("https://mcp.example.com/team");
  const clientDocument = "https://mcp.example.com/.well-known/smcp-client";
  const idOf = (clientDocument: string, reads?: boolean): string | undefined => {
    const advice = { clientId: undefined, clientDocument, flows: [], audience: undefined };
    const issuer = "https://idp.example.com";
    const metadata = { issuer, client_id_metadata_document_supported: reads };
    const plan = {
      issuer,
      namedBy: "server",
      metadata,
      scopes: [],
      resource: undefined,
      isBound: false,
      audience: undefined,
      advice,
    } as const;
    return namedClient(settings, plan)?.clientId;
  };
  expect(idOf(clientDocument, true)).toBe(clientDocument);
  expect(idOf(clientDocument)).toBeUndefined();
  expect(idOf("https://evil.example/.well-known/smcp-client", true)).toBeUndefined();
  expect(idOf("http://mcp.example.com/.well-known/smcp-client", true)).toBeUndefined();
});

test("the server's client id is used; a flag's wins", async () => {
  await using provider = await startFakeProvider();
  provider.resource = { smcp: { client_id: "laptop", audience: "api" } };
  const learnt = await startInFront(provider.server, {}, quiet());
  await learnt.call();
  const asked = new URL(learnt.person.opened[0] ?? "").searchParams;
  expect([asked.get("client_id"), asked.get("audience")]).toEqual(["laptop", "api"]);
  const given = await startInFront(provider.server, { oidc: { clientId: "mine" } }, quiet());
  await given.call();
  expect(new URL(given.person.opened[0] ?? "").searchParams.get("client_id")).toBe("mine");
});
