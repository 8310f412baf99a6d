/** Providers and servers that leave out what their standards want, as many do: what may be missing, and what may not. */
import { Secret, silentLog } from "@smcp/core";
import { expect, onTestFinished, test, vi } from "vitest";

import { startClient } from "../src/index.ts";
import { makePlan } from "../src/sign-in/plan.ts";
import { startBackend } from "./backend.ts";
import { comeBack, quiet, signIn } from "./by-hand.ts";
import { say, startFakeIssuer } from "./fake-issuer.ts";
import { startFakeProvider, type FakeProvider } from "./fake-provider.ts";
import { errorIn, startInFront } from "./protected.ts";
import { settingsFor } from "./settings.ts";
import { post } from "./speak.ts";

const WAIT = { timeout: 20_000, interval: 50 };

const REGISTRATIONS: readonly (readonly [
  title: string,
  status: number,
  answer: Record<string, unknown>,
  offered: string[] | undefined,
  proof: "basic" | "post" | "none",
])[] = [
  ["a secret without an end", 201, { client_secret: "s" }, undefined, "basic"],
  ["another status", 200, {}, undefined, "none"],
  ["a secret that the provider takes in the form", 201, { client_secret: "s" }, ["client_secret_post"], "post"],
  ["a secret that the provider takes nowhere", 201, { client_secret: "s" }, ["none"], "none"],
  ["a secret of a public client", 201, { client_secret: "s", token_endpoint_auth_method: "none" }, undefined, "none"],
];

for (const [title, status, answer, offered, proof] of REGISTRATIONS) {
  test(`a registration is answered with ${title}: the token request's proof is ${proof}`, async () => {
    await using provider = await startFakeProvider();
    provider.metadata = {
      registration_endpoint: `${provider.url}/register`,
      token_endpoint_auth_methods_supported: offered,
    };
    provider.answer = ({ url }, response) => {
      if (url !== "/register") return false;
      say(response, status, { client_id: "registered", ...answer });
      return true;
    };
    withoutIdToken(provider);
    const asked = await signIn(provider, provider.server, { oidc: {} });
    expect(asked.get("client_id")).toBe("registered");
    const sent = provider.seen.find((one) => one.url === "/token")?.headers["authorization"];
    const found = sent?.startsWith("Basic ") ? "basic" : provider.grants[0]?.has("client_secret") ? "post" : "none";
    expect(found).toBe(proof);
  });
}

/** The fake one tells by the form whom an ID token is for. */
function withoutIdToken(provider: FakeProvider): void {
  provider.grant = (_, response) => {
    say(response, 200, { access_token: "token-1", token_type: "Bearer", expires_in: 600 });
    return true;
  };
}

test("an id and a secret go to the provider as they are where a form leaves them as they are", async () => {
  await using backend = await startBackend();
  await using fake = await startFakeIssuer();
  const base = { issuer: fake.url, clientId: "my-client_1.x", clientSecret: new Secret("a-b.c_d*e"), resource: "off" };
  const client = await startClient(settingsFor(backend.url, { authMode: "oidc", oidc: base }), silentLog);
  onTestFinished(() => client.close());
  expect((await post(client.url, "/v1/docs", '{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).status).toBe(200);
  const sent = `Basic ${Buffer.from("my-client_1.x:a-b.c_d*e").toString("base64")}`;
  expect(fake.grants[0]?.headers["authorization"]).toBe(sent);
});

test("a provider that does not list openid may give no ID token", async () => {
  await using provider = await startFakeProvider();
  withoutIdToken(provider);
  const asked = await signIn(provider, provider.server, { oidc: { clientId: "x" } });
  expect([asked.get("scope"), asked.get("nonce")]).toEqual(["openid", null]);
});

test("a provider that lists openid must give an ID token with our nonce", async () => {
  await using provider = await startFakeProvider();
  provider.metadata = { scopes_supported: ["openid"] };
  withoutIdToken(provider);
  const person = quiet();
  const { call } = await startInFront(provider.server, { oidc: { clientId: "x" } }, person);
  await call();
  const asked = new URL(person.opened[0] ?? "").searchParams;
  expect(asked.get("nonce")).toMatch(/^[\w-]{43}$/);
  const back = new URL(asked.get("redirect_uri") ?? "");
  back.search = new URLSearchParams({ code: "c", state: asked.get("state") ?? "", iss: provider.url }).toString();
  expect((await fetch(back)).status).toBe(400);
  const message = `the answer that came back from ${provider.host} cannot be trusted (OAUTH_INVALID_RESPONSE)`;
  await vi.waitFor(async () => expect(errorIn(await call())).toMatchObject({ code: 40102, message }), WAIT);
});

test("a good token that is refused is replaced, whatever scopes the refusal names", async () => {
  await using provider = await startFakeProvider();
  const refused = 'error="invalid_token", scope="docs"';
  provider.challenge = 'scope="docs"';
  provider.judge = (token) => (token === "token-1" ? refused : undefined);
  provider.grant = (form, response) => {
    if (form.get("grant_type") !== "refresh_token") return false;
    say(response, 400, { error: "invalid_grant" });
    return true;
  };
  const person = quiet();
  const { call } = await startInFront(provider.server, { oidc: { clientId: "x" } }, person);
  await call();
  await comeBack(provider, person.opened[0]);
  await vi.waitFor(async () => {
    await call();
    expect(person.opened).toHaveLength(2);
  }, WAIT);
  await comeBack(provider, person.opened[1]);
  await vi.waitFor(async () => expect(errorIn(await call())).toBeUndefined(), WAIT);
});

test("a server that names nobody and has an issuer's metadata is its own issuer", async () => {
  await using server = await startBackend(({ url }, response) => {
    const endpoints = { authorization_endpoint: `${server.url}/authorize`, token_endpoint: `${server.url}/token` };
    const metadata = { issuer: server.url, ...endpoints, code_challenge_methods_supported: ["S256"] };
    if (url === "/.well-known/oauth-authorization-server") say(response, 200, metadata);
    else response.writeHead(url.startsWith("/.well-known/") ? 404 : 401).end();
  });
  const { call, person } = await startInFront(server.url, { oidc: { clientId: "x" } }, quiet());
  expect(errorIn(await call()).code).toBe(40101);
  expect(person.opened[0]).toContain(`${server.url}/authorize?`);
  expect(new URL(person.opened[0] ?? "").searchParams.has("resource")).toBe(false);
});

test("a server that named an issuer once and names nobody now is not followed to itself", async () => {
  const asked: string[] = [];
  const fetch = (url: string): Promise<Response> => {
    asked.push(url);
    return Promise.resolve(new Response("", { status: 404 }));
  };
  const known = { pinned: "https://idp.example.com", session: undefined };
  const plan = await makePlan(settingsFor("https://mcp.example.com"), {}, known, { fetch, log: silentLog });
  const reason =
    "the smcp server at mcp.example.com does not say at which identity provider to sign in: give --oidc-issuer and --oidc-client-id";
  expect(plan).toMatchObject({ refused: "SIGN_IN_REFUSED", facts: { reason } });
  expect(asked).toEqual(["https://mcp.example.com/.well-known/oauth-protected-resource"]);
});

test("a server that says nothing at all is asked for a token at the places of old only where PKCE need not be told", async () => {
  await using server = await startBackend((_, response) => response.writeHead(401).end());
  server.answer = ({ url }, response) => void response.writeHead(url.startsWith("/.well-known/") ? 404 : 401).end();
  const refused = await startInFront(server.url, { oidc: { clientId: "x" } }, quiet());
  const message = `the smcp server at ${server.host} does not say at which identity provider to sign in: give --oidc-issuer and --oidc-client-id`;
  expect(errorIn(await refused.call())).toMatchObject({ code: 40102, message });
  expect(refused.person.opened).toEqual([]);
  const allowed = await startInFront(server.url, { oidc: { clientId: "x", allowsUnadvertisedPkce: true } }, quiet());
  expect(errorIn(await allowed.call()).code).toBe(40101);
  expect(allowed.person.opened[0]).toContain(`${server.url}/authorize?`);
});
