import { Client as McpClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import type { ClientSignIn } from "@smcp/config";
import { Secret, silentLog } from "@smcp/core";
import { startIssuer, type Issuer } from "@smcp/demo";
import { expect, onTestFinished, test } from "vitest";

import { startClient, type Client } from "../src/index.ts";
import { json, startBackend, type Answer, type Backend } from "./backend.ts";
import { startFakeIssuer, type FakeIssuer } from "./fake-issuer.ts";
import { startMcpPeer } from "./peers.ts";
import { settingsFor } from "./settings.ts";
import { post } from "./speak.ts";

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';

function claimsOf(authorization: string | undefined): Record<string, unknown> {
  const payload = (authorization ?? "").split(".")[1] ?? "";
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
}

function credentials(issuer: Issuer): Partial<ClientSignIn> {
  return { issuer: issuer.url, clientId: issuer.clientId, clientSecret: new Secret(issuer.clientSecret) };
}

async function startBehind(backend: Backend, oidc: Partial<ClientSignIn>, path = ""): Promise<Client> {
  const client = await startClient(settingsFor(backend.url + path, { authMode: "oidc", oidc }), silentLog);
  onTestFinished(() => client.close());
  return client;
}

/** A server whose metadata names a resource; everything else is echoed. */
function resourceServer(resourceAt: (path: string) => unknown): Answer {
  return (request, response, incoming) => {
    const resource = request.url.startsWith("/.well-known/") ? resourceAt(request.url) : undefined;
    if (resource !== undefined) json(200, { resource })(request, response, incoming);
    else if (request.url.startsWith("/.well-known/")) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": "application/json" }).end(request.body);
  };
}

test("a real SDK client reaches a real server, signed in by a real provider", async () => {
  await using issuer = await startIssuer();
  await using peer = await startMcpPeer();
  const client = await startClient(settingsFor(peer.url, { authMode: "oidc", oidc: credentials(issuer) }), silentLog);
  onTestFinished(() => client.close());
  const app = new McpClient({ name: "app", version: "1" });
  const logged: unknown[] = [];
  app.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logged.push(params.data));
  const transport = new StreamableHTTPClientTransport(new URL(`${client.url}/v1/peer`));
  await app.connect(transport);
  expect((await app.listTools()).tools).toHaveLength(4);
  await app.callTool({ name: "count", arguments: { to: 5 } });
  expect(logged).toEqual([1, 2, 3, 4, 5]);
  await transport.terminateSession();
  await app.close();
  expect(peer.ended).toEqual(peer.opened);
  // The first of all was the look for its metadata.
  const [lookup, ...calls] = peer.authorizations;
  expect(lookup).toBeUndefined();
  expect(new Set(calls).size).toBe(1);
  expect(claimsOf(calls[0])).toMatchObject({ iss: issuer.url, client_id: issuer.clientId });
  expect(issuer.requestsTo("/token")).toBe(1);
});

test("client_secret_post where the provider takes nothing else, or where it is forced", async () => {
  await using backend = await startBackend();
  await using posting = await startIssuer({ authMethod: "client_secret_post" });
  const client = await startBehind(backend, credentials(posting));
  expect((await post(client.url, "/v1/docs", CALL)).status).toBe(200);
  await using fake = await startFakeIssuer();
  const base = { issuer: fake.url, clientId: "a b", clientSecret: new Secret("p:w/ü") };
  for (const authMethod of [undefined, "client_secret_post"] as const) {
    const other = await startBehind(backend, { ...base, resource: "off", ...(authMethod && { authMethod }) });
    expect((await post(other.url, "/v1/docs", CALL)).status).toBe(200);
  }
  const [basic, posted] = fake.grants;
  expect(basic?.headers["authorization"]).toBe(`Basic ${Buffer.from("a+b:p%3Aw%2F%C3%BC").toString("base64")}`);
  expect(basic?.body).toBe("scope=openid&grant_type=client_credentials");
  expect(posted?.headers["authorization"]).toBeUndefined();
  expect(new URLSearchParams(posted?.body).get("client_secret")).toBe("p:w/ü");
});

test("nothing is asked before the first request, and then only once", async () => {
  await using backend = await startBackend(resourceServer(() => undefined));
  await using fake = await startFakeIssuer();
  const client = await startBehind(backend, machine(fake));
  expect([...fake.lookups, ...fake.grants, ...backend.seen]).toEqual([]);
  for (let n = 0; n < 3; n++) expect((await post(client.url, "/v1/docs", CALL)).status).toBe(200);
  const metadata = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
  expect(fake.lookups.map((one) => one.url)).toEqual(metadata);
  expect(fake.grants).toHaveLength(1);
});

test("an issuer that knows OAuth metadata only is found at its other address", async () => {
  await using backend = await startBackend();
  await using fake = await startFakeIssuer();
  const metadata = { issuer: fake.url, token_endpoint: `${fake.url}/token` };
  fake.discover = (request, response) => {
    const isThere = request.url === "/.well-known/oauth-authorization-server";
    response.writeHead(isThere ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(metadata));
  };
  const client = await startBehind(backend, { ...machine(fake), resource: "off" });
  expect((await post(client.url, "/v1/docs", CALL)).status).toBe(200);
});

test("50 requests at expiry are one token request", async () => {
  await using backend = await startBackend();
  await using issuer = await startIssuer({ tokenTtl: 1_000 });
  const client = await startBehind(backend, { ...credentials(issuer), resource: "off" });
  expect((await post(client.url, "/v1/docs", CALL)).status).toBe(200);
  const first = backend.seen[0]?.headers["authorization"];
  const from = performance.now();
  await expect.poll(() => performance.now() - from, { timeout: 5_000 }).toBeGreaterThan(1_000);
  const answers = await Promise.all(Array.from({ length: 50 }, () => post(client.url, "/v1/docs", CALL)));
  expect(new Set(answers.map((one) => one.status))).toEqual(new Set([200]));
  expect(issuer.requestsTo("/token")).toBe(2);
  const later = new Set(backend.seen.slice(1).map((one) => one.headers["authorization"]));
  expect(later.size).toBe(1);
  expect(later).not.toContain(first);
});

test("a token that has expired as it comes is still sent, and replaced once at most", async () => {
  await using backend = await startBackend((_, response) => {
    response.writeHead(401, { "www-authenticate": 'Bearer error="invalid_token"' }).end();
  });
  await using fake = await startFakeIssuer();
  fake.expiresIn = 0;
  const client = await startBehind(backend, { ...machine(fake), resource: "off" });
  expect(JSON.parse((await post(client.url, "/v1/docs", CALL)).body)).toMatchObject({ error: { code: 40102 } });
  const tokens = backend.seen.map((one) => one.headers["authorization"]);
  expect(tokens).toEqual(["Bearer token-1", "Bearer token-2"]);
});

function machine(issuer: FakeIssuer): Partial<ClientSignIn> {
  return { issuer: issuer.url, clientId: "machine", clientSecret: new Secret("secret") };
}

/** The parameters of the one token request that a first request causes. */
async function grantOf(
  resourceAt: (path: string) => unknown,
  oidc: Partial<ClientSignIn>,
  path = "",
): Promise<URLSearchParams> {
  await using backend = await startBackend(resourceServer(resourceAt));
  await using fake = await startFakeIssuer();
  const client = await startBehind(backend, { ...machine(fake), ...oidc }, path);
  expect((await post(client.url, "/v1/docs", CALL)).status).toBe(200);
  return new URLSearchParams(fake.grants[0]?.body);
}

test("--oidc-resource auto sends the resource that the server's root metadata names, word for word", async () => {
  await using backend = await startBackend(resourceServer(() => `${backend.url}/`));
  await using issuer = await startIssuer();
  const client = await startBehind(backend, credentials(issuer));
  await post(client.url, "/v1/docs", CALL);
  expect(backend.seen[0]?.url).toBe("/.well-known/oauth-protected-resource");
  expect(claimsOf(backend.seen[1]?.headers["authorization"])["aud"]).toBe(`${backend.url}/`);
});

test("a server below a path is asked there first", async () => {
  await using backend = await startBackend(
    resourceServer((path) =>
      path === "/.well-known/oauth-protected-resource/team" ? `${backend.url}/team` : undefined,
    ),
  );
  await using fake = await startFakeIssuer();
  const client = await startBehind(backend, machine(fake), "/team");
  expect((await post(client.url, "/v1/docs", CALL)).status).toBe(200);
  expect(new URLSearchParams(fake.grants[0]?.body).get("resource")).toBe(`${backend.url}/team`);
});

test("no resource: without metadata, with an audience, or off; a given one is sent as it is", async () => {
  expect((await grantOf(() => undefined, {})).has("resource")).toBe(false);
  const withAudience = await grantOf(() => "http://127.0.0.1/", { audience: "api" });
  expect([...withAudience.keys()].toSorted()).toEqual(["audience", "grant_type", "scope"]);
  expect(withAudience.get("audience")).toBe("api");
  expect((await grantOf(() => "http://127.0.0.1/", { resource: "off" })).has("resource")).toBe(false);
  const given = await grantOf(() => "x", { resource: "urn:x", scopes: ["a", "b"] });
  expect(given.get("resource")).toBe("urn:x");
  expect(given.get("scope")).toBe("a b");
});

test("a server that names somebody else's resource gets no token", async () => {
  for (const resource of ["https://bank.example", "http://127.0.0.1:1", "urn:x"]) {
    await using backend = await startBackend(resourceServer(() => resource));
    await using fake = await startFakeIssuer();
    const client = await startBehind(backend, machine(fake));
    const answer = await post(client.url, "/v1/docs", CALL);
    const origin = URL.parse(resource)?.origin;
    const message = `the smcp server at ${backend.host} calls itself another resource (${origin}): give that as --oidc-resource if it is right, or off`;
    expect(JSON.parse(answer.body)).toMatchObject({ id: 1, error: { code: 40102, message } });
    expect(fake.grants).toEqual([]);
  }
});

test("a redirect of the metadata is not followed", async () => {
  await using elsewhere = await startBackend(json(200, { resource: "x" }));
  await using backend = await startBackend(({ url, body }, response) => {
    const isMetadata = url.startsWith("/.well-known/");
    response
      .writeHead(isMetadata ? 302 : 200, { location: elsewhere.url, "content-type": "application/json" })
      .end(body);
  });
  await using fake = await startFakeIssuer();
  const client = await startBehind(backend, machine(fake));
  expect((await post(client.url, "/v1/docs", CALL)).status).toBe(200);
  expect(new URLSearchParams(fake.grants[0]?.body).has("resource")).toBe(false);
  expect(elsewhere.seen).toEqual([]);
});

const SECRET = new Secret("s3cret");
const REFUSED: readonly (readonly [string, Partial<ClientSignIn>, string, string])[] = [
  [
    "a secret without an issuer",
    { clientId: "x", clientSecret: SECRET },
    "a client secret needs an issuer that you name: it is never sent to one that the server names",
    "give --oidc-issuer",
  ],
  [
    "a secret without a client",
    { issuer: "https://idp.example", clientSecret: SECRET },
    "client credentials need a client id",
    "give --oidc-client-id",
  ],
  [
    "client credentials without a secret",
    { flow: "client-credentials", issuer: "https://idp.example", clientId: "x" },
    "client credentials need a client secret",
    "give --oidc-client-secret or --oidc-client-secret-file",
  ],
  [
    "an issuer in the clear",
    { issuer: "http://idp.example", clientId: "x", clientSecret: SECRET },
    'the issuer "http://idp.example" is not https',
    "http is for issuers on this machine only",
  ],
  [
    "an issuer that is a document",
    { issuer: "https://idp.example/.well-known/openid-configuration", clientId: "x", clientSecret: SECRET },
    'the issuer "https://idp.example/.well-known/openid-configuration" is not an issuer\'s URL',
    "give it as the provider writes it, without /.well-known/",
  ],
  [
    "an issuer that is none",
    { issuer: "idp", clientId: "x", clientSecret: SECRET },
    'the issuer "idp" is not an issuer\'s URL',
    "give it as the provider writes it, without /.well-known/",
  ],
];

for (const [title, oidc, message, hint] of REFUSED) {
  test(`${title} refuses to start, in mode oidc and auto`, async () => {
    for (const authMode of ["oidc", "auto"] as const) {
      const started = startClient(settingsFor("http://127.0.0.1:1", { authMode, oidc }), silentLog);
      await expect(started).rejects.toMatchObject({ message, hint, exitCode: 2 });
    }
  });
}

test("a CA file that is missing or holds nothing refuses to start", async () => {
  const file = new URL("nowhere.pem", import.meta.url).pathname;
  const missing = startClient(settingsFor("http://127.0.0.1:1", { caFile: file }), silentLog);
  await expect(missing).rejects.toMatchObject({ hint: "check --ca-file", exitCode: 2 });
  const empty = startClient(settingsFor("http://127.0.0.1:1", { caFile: import.meta.filename }), silentLog);
  await expect(empty).rejects.toMatchObject({ message: `the CA file "${import.meta.filename}" holds no certificate` });
});
