import { Secret } from "@smcp/core";
import { expect, test, vi } from "vitest";

import { parseIssuer } from "../src/tokens/issuer-metadata.ts";
import { startBackend, type Backend } from "./backend.ts";
import { quiet, signIn } from "./by-hand.ts";
import { say } from "./fake-issuer.ts";
import { startFakeProvider, type FakeProvider } from "./fake-provider.ts";
import { errorIn, startInFront } from "./protected.ts";
import { scratchFolder } from "./state-folder.ts";

/** What an app is told at the first call, and that no page was opened and nothing was asked of the provider but metadata. */
async function refusalOf(provider: FakeProvider, changes: Parameters<typeof startInFront>[1] = {}): Promise<string> {
  const person = quiet();
  const { call } = await startInFront(provider.server, { oidc: { clientId: "x" }, ...changes }, person);
  const { code, message } = errorIn(await call());
  expect(code).toBe(40102);
  expect(person.opened).toEqual([]);
  expect(person.prompts).toEqual([]);
  expect(provider.grants).toEqual([]);
  return message;
}

const ENDPOINTS: readonly (readonly [string, string])[] = [
  ["javascript:alert(1)", "without https"],
  ["file:///bin/sh", "without https"],
  ["a:$(calc)", "without https"],
  ["-flag", "that is no URL"],
  ['https://idp.example.com/"; calc; "', "that is no URL"],
  ["https://idp.example.com/\ncalc", "that is no URL"],
  ["https://user:password@idp.example.com/", "that is no URL"],
  ["http://idp.example.com/authorize", "without https"],
  ["https://169.254.169.254/latest/meta-data", "on a link-local address"],
  ["https://[fe80::1]/", "on a link-local address"],
];

for (const [url, why] of ENDPOINTS) {
  test(`L8: the authorization endpoint ${JSON.stringify(url)} is refused, and nothing is started`, async () => {
    await using provider = await startFakeProvider();
    provider.metadata = { authorization_endpoint: url };
    expect(await refusalOf(provider)).toBe(
      `the identity provider ${provider.host} has an authorization endpoint ${why}`,
    );
  });
}

test("L8: no endpoint may be in the clear, on another kind of address or no URL", async () => {
  const names: Readonly<Record<string, string>> = {
    token_endpoint: "a token endpoint",
    device_authorization_endpoint: "a device endpoint",
    registration_endpoint: "a registration endpoint",
    revocation_endpoint: "a revocation endpoint",
  };
  for (const [name, words] of Object.entries(names)) {
    await using provider = await startFakeProvider();
    provider.metadata = { [name]: "http://idp.example.com/x" };
    expect(await refusalOf(provider)).toBe(`the identity provider ${provider.host} has ${words} without https`);
  }
});

test("L8: an issuer that calls itself another one is refused, be it by a slash", async () => {
  for (const issuer of ["https://evil.example", "SELF/", "", 7]) {
    await using provider = await startFakeProvider();
    provider.metadata = { issuer: issuer === "SELF/" ? `${provider.url}/` : issuer };
    expect(await refusalOf(provider)).toBe(`the identity provider ${provider.host} calls itself by another name`);
  }
});

const AWAY: readonly (readonly [string, (provider: FakeProvider) => FakeProvider["answer"]])[] = [
  [
    "10 MB of metadata",
    () => (_, response) => {
      say(response, 200, { x: "x".repeat(10 << 20) });
      return true;
    },
  ],
  [
    "a redirect without end",
    () => (_, response) => {
      response.writeHead(302, { location: "/again" }).end();
      return true;
    },
  ],
];

for (const [title, answer] of AWAY) {
  test(`${title}: 503, 50301, and nothing is opened`, async () => {
    await using provider = await startFakeProvider();
    provider.answer = answer(provider);
    const { call, person } = await startInFront(provider.server);
    const first = await call();
    expect([first.status, errorIn(first).code]).toEqual([503, 50301]);
    expect(person.opened).toEqual([]);
    expect(provider.seen.length).toBeLessThan(16);
  });
}

test("L8: a redirect of metadata is followed within its origin, never to another", async () => {
  await using elsewhere = await startBackend();
  await using provider = await startFakeProvider();
  provider.answer = ({ url }, response) => {
    if (url !== "/.well-known/oauth-authorization-server") return false;
    response.writeHead(302, { location: `${elsewhere.url}/x` }).end();
    return true;
  };
  const { call, person } = await startInFront(provider.server, { oidc: { clientId: "x" } }, quiet());
  expect(errorIn(await call()).code).toBe(40101);
  expect(person.opened).toHaveLength(1);
  expect(elsewhere.seen).toEqual([]);
  provider.answer = ({ url }, response) => {
    if (url !== "/.well-known/oauth-authorization-server") return false;
    response.writeHead(302, { location: "/.well-known/openid-configuration" }).end();
    return true;
  };
  const other = await startInFront(provider.server, { oidc: { clientId: "x" } }, quiet());
  expect(errorIn(await other.call()).code).toBe(40101);
});

const ISSUERS: readonly (readonly [string, boolean, string | undefined])[] = [
  ["https://idp.example.com", false, undefined],
  ["https://idp.example.com/tenant/v2.0", false, undefined],
  ["http://127.0.0.1:1", true, undefined],
  ["http://127.0.0.1:1", false, "scheme"],
  ["https://127.0.0.1:1", false, "place"],
  ["http://idp.example.com", true, "scheme"],
  ["https://169.254.169.254", false, "place"],
  ["https://idp.example.com/?x", false, "form"],
  ["https://idp.example.com/#x", false, "form"],
  ["https://idp.example.com/.well-known/openid-configuration", false, "form"],
  ["https://a@idp.example.com", false, "form"],
  [" https://idp.example.com", false, "form"],
  ["javascript:alert(1)", true, "scheme"],
  ["-x", true, "form"],
];

for (const [issuer, isLocal, wrong] of ISSUERS) {
  test(`the issuer "${issuer}" of a ${isLocal ? "local" : "remote"} server is ${wrong ?? "taken"}`, () => {
    const parsed = parseIssuer(issuer, isLocal);
    expect(parsed instanceof URL ? undefined : parsed.wrong).toBe(wrong);
  });
}

test("L8: a local server cannot send anybody to an issuer in the clear, on a cloud's address, or nowhere", async () => {
  const cases: readonly (readonly [unknown, string])[] = [
    [["http://idp.example.com"], "names an identity provider that is not https"],
    [["https://169.254.169.254"], "names an identity provider that is on an address where none can be"],
    [["-x"], "names an identity provider that is no issuer's URL"],
    [[], "names no identity provider: give --oidc-issuer"],
    [{ x: 1 }, "names no identity provider: give --oidc-issuer"],
  ];
  for (const [issuers, words] of cases) {
    await using provider = await startFakeProvider();
    provider.resource = { authorization_servers: issuers };
    expect(await refusalOf(provider)).toBe(`the smcp server at ${new URL(provider.server).host} ${words}`);
    expect(provider.seen).toEqual([]);
  }
});

test("L8: a server that calls itself somebody else's resource is refused", async () => {
  await using provider = await startFakeProvider();
  provider.resource = { resource: "https://bank.example/" };
  expect(await refusalOf(provider)).toBe(
    `the smcp server at ${new URL(provider.server).host} calls itself another resource (https://bank.example): give that as --oidc-resource if it is right, or off`,
  );
});

test("--oidc-issuer wins over the server's metadata where they agree, and a contradiction is an error", async () => {
  await using provider = await startFakeProvider();
  const server = `the smcp server at ${new URL(provider.server).host}`;
  provider.resource = { authorization_servers: ["https://other.example"] };
  expect(await refusalOf(provider, { oidc: { clientId: "x", issuer: provider.url } })).toBe(
    `${server} names the identity provider other.example, and --oidc-issuer is ${provider.host}`,
  );
  provider.resource = { authorization_servers: ["https://other.example", provider.url] };
  const { call } = await startInFront(provider.server, { oidc: { clientId: "x", issuer: provider.url } }, quiet());
  expect(errorIn(await call()).code).toBe(40101);
});

test("a secret without an issuer refuses to start, whatever the flow", async () => {
  for (const flow of ["auto", "browser", "device"] as const) {
    const oidc = { flow, clientId: "x", clientSecret: new Secret("s") };
    await expect(startInFront("http://127.0.0.1:1", { oidc })).rejects.toMatchObject({
      message: "a client secret needs an issuer that you name: it is never sent to one that the server names",
      exitCode: 2,
    });
  }
});

/** Refuses every token of a provider, as a server does that trusts another one now. */
function refuseTokensOf(provider: FakeProvider): void {
  provider.judge = () => 'error="invalid_token"';
}

test("L9: an issuer that the server names instead of the first is refused, for a session too, until --accept-issuer-change", async () => {
  await using provider = await startFakeProvider();
  await using second = await startFakeProvider();
  const kept = { tokenStore: "file", stateFolder: scratchFolder() } as const;
  await signIn(provider, provider.server, kept);
  refuseTokensOf(provider);
  provider.resource = { authorization_servers: [second.url] };
  const changed = await startInFront(provider.server, { oidc: { clientId: "x" }, ...kept }, quiet());
  const server = new URL(provider.server).host;
  const message = `the smcp server at ${server} now names the identity provider ${second.host} instead of ${provider.host}: if that is right, start once with --accept-issuer-change`;
  expect(errorIn(await changed.call())).toMatchObject({ code: 40102, message });
  expect(changed.person.opened).toEqual([]);
  // Neither asks the new one anything, nor the old one for a token that nobody takes.
  expect([second.seen, provider.grants.length]).toEqual([[], 1]);
  const accepted = await startInFront(
    provider.server,
    { oidc: { clientId: "x", acceptsIssuerChange: true }, ...kept },
    quiet(),
  );
  expect(errorIn(await accepted.call()).code).toBe(40101);
  expect(accepted.person.opened[0]).toContain(`${second.url}/authorize`);
});

test("a session is kept where the server comes to its senses", async () => {
  await using provider = await startFakeProvider();
  const kept = { tokenStore: "file", stateFolder: scratchFolder() } as const;
  await signIn(provider, provider.server, kept);
  refuseTokensOf(provider);
  provider.resource = { authorization_servers: ["https://evil.example"] };
  const { call, person } = await startInFront(provider.server, { oidc: { clientId: "x" }, ...kept }, quiet());
  expect(errorIn(await call()).code).toBe(40102);
  provider.resource = {};
  provider.judge = () => undefined;
  await vi.waitFor(async () => expect(errorIn(await call())).toBeUndefined(), { timeout: 20_000, interval: 50 });
  expect(person.opened).toEqual([]);
});

test("issuer metadata is looked for in the order of MCP, at each of its addresses", async () => {
  await using provider = await startFakeProvider();
  const issuer = `${provider.url}/tenant`;
  provider.resource = { authorization_servers: [issuer] };
  provider.answer = ({ url }, response) => {
    if (url === "/tenant/.well-known/openid-configuration") {
      const endpoints = { authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` };
      say(response, 200, { issuer, ...endpoints, code_challenge_methods_supported: ["S256"] });
    } else response.writeHead(404).end();
    return true;
  };
  const { call, person } = await startInFront(provider.server, { oidc: { clientId: "x" } }, quiet());
  expect(errorIn(await call()).code).toBe(40101);
  expect(person.opened[0]).toContain(`${issuer}/authorize`);
  expect(provider.seen.map((one) => one.url)).toEqual([
    "/.well-known/oauth-authorization-server/tenant",
    "/.well-known/openid-configuration/tenant",
    "/tenant/.well-known/openid-configuration",
  ]);
});

test("the server's metadata: where the challenge says, else below its path, else at its root; never at another origin", async () => {
  await using elsewhere: Backend = await startBackend();
  await using provider = await startFakeProvider();
  await using server = await startBackend(({ url }, response) => {
    const isRoot = url === "/.well-known/oauth-protected-resource";
    if (isRoot) say(response, 200, { resource: server.url, authorization_servers: [provider.url] });
    else if (url.startsWith("/.well-known/")) response.writeHead(404).end();
    else response.writeHead(401, { "www-authenticate": `Bearer resource_metadata="${elsewhere.url}/x"` }).end();
  });
  const { call } = await startInFront(`${server.url}/team`, { oidc: { clientId: "x" } }, quiet());
  expect(errorIn(await call()).code).toBe(40101);
  expect(elsewhere.seen).toEqual([]);
  expect(server.seen.map((one) => one.url).filter((one) => one.startsWith("/.well-known"))).toEqual([
    "/.well-known/oauth-protected-resource/team",
    "/.well-known/oauth-protected-resource",
  ]);
});

test("a place that only the challenge names is asked", async () => {
  await using provider = await startFakeProvider();
  await using server = await startBackend(({ url }, response) => {
    const isThere = url === "/custom/metadata";
    if (isThere) say(response, 200, { resource: server.url, authorization_servers: [provider.url] });
    else if (url.startsWith("/.well-known/")) response.writeHead(404).end();
    else
      response.writeHead(401, { "www-authenticate": `Bearer resource_metadata="${server.url}/custom/metadata"` }).end();
  });
  const { call } = await startInFront(server.url, { oidc: { clientId: "x" } }, quiet());
  expect(errorIn(await call()).code).toBe(40101);
});
