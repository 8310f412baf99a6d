import { createServer, type AddressInfo, type Server } from "node:net";

import { Secret } from "@smcp/core";
import { expect, onTestFinished, test } from "vitest";

import { startClient, type Client } from "../src/index.ts";
import { json, startBackend, type Answer, type Backend } from "./backend.ts";
import { say, startFakeIssuer, type FakeIssuer } from "./fake-issuer.ts";
import { keepLog, type KeptLog } from "./log.ts";
import { settingsFor, type Changes } from "./settings.ts";
import { post, speak, type Spoken } from "./speak.ts";

const SECRET = "s3cret-of-the-client";
const CALL = '{"jsonrpc":"2.0","id":"a\\u0031","method":"tools/call","params":{"name":"x"}}';
const ID = '"a\\u0031"';

interface Setup {
  readonly client: Client;
  readonly backend: Backend;
  readonly log: KeptLog;
}

async function start(answer?: Answer, changes: Changes = {}): Promise<Setup> {
  const backend = await startBackend(answer);
  const log = keepLog();
  const client = await startClient(settingsFor(backend.url, changes), log);
  onTestFinished(async () => {
    await client.close();
    await backend[Symbol.asyncDispose]();
    expect(log.lines.join("\n")).not.toContain(SECRET);
  });
  return { client, backend, log };
}

async function startSignedIn(answer?: Answer, changes: Changes = {}): Promise<Setup & { issuer: FakeIssuer }> {
  const issuer = await startFakeIssuer();
  onTestFinished(() => issuer[Symbol.asyncDispose]());
  return { ...(await start(answer, signIn(issuer.url, changes))), issuer };
}

function signIn(issuer: string, changes: Changes = {}): Changes {
  const oidc = { issuer, clientId: "machine", clientSecret: new Secret(SECRET), resource: "off", ...changes.oidc };
  return { authMode: "oidc", ...changes, oidc };
}

/** The whole body of a refusal. */
function body(answer: Spoken, code: number, message: string, id: string | null = ID): string {
  const requestId = String(answer.headers["x-request-id"]);
  const error = JSON.stringify({ code, message, data: { request_id: requestId } });
  return id === null ? `{"jsonrpc":"2.0","error":${error}}` : `{"jsonrpc":"2.0","id":${id},"error":${error}}`;
}

function expectRefusal(answer: Spoken, status: number, code: number, message: string): void {
  expect(answer).toMatchObject({ status, body: body(answer, code, message) });
  expect(answer.headers["www-authenticate"]).toBeUndefined();
  expect(answer.headers["content-type"]).toBe("application/json");
}

const challenged: Answer = (_, response) => {
  response
    .writeHead(401, { "www-authenticate": 'Bearer resource_metadata="http://x/", error="invalid_token"' })
    .end('{"jsonrpc":"2.0","error":{"code":40101,"message":"no"}}');
};

test("a server that is away is 502, 50201, and the client lives on until it is back", async () => {
  const gone = await startBackend();
  const client = await startClient(settingsFor(gone.url), keepLog());
  await gone[Symbol.asyncDispose]();
  onTestFinished(() => client.close());
  expectRefusal(
    await post(client.url, "/v1/docs", CALL),
    502,
    50201,
    `the smcp server at ${gone.host} cannot be reached`,
  );
  await using _ = await startBackend(undefined, Number(new URL(gone.url).port));
  expect(await post(client.url, "/v1/docs", CALL)).toMatchObject({ status: 200, body: CALL });
});

test("a server that breaks off before its answer is 502, 50201", async () => {
  const { client, backend } = await start((_, response) => response.destroy());
  expectRefusal(
    await post(client.url, "/v1/docs", CALL),
    502,
    50201,
    `the smcp server at ${backend.host} cannot be reached`,
  );
  expect(backend.seen).toHaveLength(1);
});

test("a server that takes too long is 504, 50401", async () => {
  const { client, backend } = await start(() => undefined, { serverTimeout: 100 });
  const answer = await post(client.url, "/v1/docs", CALL);
  expectRefusal(answer, 504, 50401, `the smcp server at ${backend.host} did not answer within 100ms`);
});

test("a server with which no connection comes about is told as slow too", async () => {
  // It speaks no TLS, nor anything else.
  const server: Server = createServer(() => undefined);
  await new Promise<void>((resolve) => {
    server.listen({ port: 0, host: "127.0.0.1" }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  onTestFinished(() => void server.close());
  const client = await startClient(settingsFor(`https://127.0.0.1:${port}`, { serverTimeout: 100 }), keepLog());
  onTestFinished(() => client.close());
  const answer = await post(client.url, "/v1/docs", CALL);
  expectRefusal(answer, 504, 50401, `the smcp server at 127.0.0.1:${port} did not answer within 100ms`);
});

test("a redirect is not followed", async () => {
  const elsewhere = await startBackend();
  onTestFinished(() => elsewhere[Symbol.asyncDispose]());
  const { client, backend, log } = await start((_, response) => {
    response.writeHead(307, { location: `${elsewhere.url}/v1/docs` }).end();
  });
  expectRefusal(
    await post(client.url, "/v1/docs", CALL),
    502,
    50201,
    `the smcp server at ${backend.host} cannot be reached`,
  );
  expect(elsewhere.seen).toEqual([]);
  expect(log.lines.join()).toContain("the server answered 307, and redirects are not followed");
});

test("statuses that mean something to MCP pass with their bodies untouched", async () => {
  for (const status of [400, 404, 405, 406, 409, 429, 500, 502, 503]) {
    const error = { jsonrpc: "2.0", id: 1, error: { code: -32_601, message: "x" } };
    const { client } = await start(json(status, error, { "retry-after": "3", "set-cookie": "a=b", allow: "POST" }));
    const answer = await post(client.url, "/v1/docs", CALL);
    expect(answer).toMatchObject({ status, body: JSON.stringify(error) });
    expect(answer.headers).toMatchObject({ "retry-after": "3", allow: "POST" });
    expect(answer.headers["set-cookie"]).toBeUndefined();
  }
});

test("--auth-mode none: a server that asks for sign-in is told as 40101, not as its 401", async () => {
  const { client, backend } = await start(challenged);
  const reason = `the smcp server at ${backend.host} asks for sign-in, and this client runs with --auth-mode none`;
  expectRefusal(await post(client.url, "/v1/docs", CALL), 200, 40101, reason);
  expect(backend.seen).toHaveLength(1);
});

test("without credentials a server that needs none is simply used", async () => {
  const { client, backend } = await start(undefined, { authMode: "auto" });
  expect(await post(client.url, "/v1/docs", CALL)).toMatchObject({ status: 200, body: CALL });
  expect(backend.seen.map((one) => one.url)).toEqual(["/v1/docs"]);
});

test("a server that asks for sign-in and does not say where is 40102, with the flags to give", async () => {
  const { client, backend } = await start(challenged, { authMode: "auto" });
  backend.answer = (request, response, incoming) => {
    if (request.url.startsWith("/.well-known/")) response.writeHead(404).end();
    else challenged(request, response, incoming);
  };
  const reason = `the smcp server at ${backend.host} does not say at which identity provider to sign in: give --oidc-issuer and --oidc-client-id`;
  expectRefusal(await post(client.url, "/v1/docs", CALL), 200, 40102, reason);
});

test("a refused token is renewed once and the request repeated once", async () => {
  const { client, backend, issuer } = await startSignedIn((request, response, incoming) => {
    const isOld = request.headers["authorization"] === "Bearer token-1";
    if (isOld) challenged(request, response, incoming);
    else response.writeHead(200, { "content-type": "application/json" }).end(request.body);
  });
  expect(await post(client.url, "/v1/docs", CALL)).toMatchObject({ status: 200, body: CALL });
  expect(backend.seen.map((one) => one.headers["authorization"])).toEqual(["Bearer token-1", "Bearer token-2"]);
  expect(backend.seen.map((one) => one.body)).toEqual([CALL, CALL]);
  expect(await post(client.url, "/v1/docs", CALL)).toMatchObject({ status: 200 });
  expect(issuer.grants).toHaveLength(2);
});

test("the new token refused too is 40102, and the next requests ask for no third", async () => {
  const { client, backend, issuer } = await startSignedIn(challenged);
  const reason = `the smcp server at ${backend.host} refused the new token too (invalid_token)`;
  expectRefusal(await post(client.url, "/v1/docs", CALL), 200, 40102, reason);
  expect(backend.seen).toHaveLength(2);
  expectRefusal(await post(client.url, "/v1/docs", CALL), 200, 40102, reason);
  expect(backend.seen).toHaveLength(3);
  expect(issuer.grants).toHaveLength(2);
});

test("a missing scope is 40102 that names it; nothing is renewed or repeated", async () => {
  for (const status of [401, 403]) {
    const { client, backend, issuer } = await startSignedIn((_, response) => {
      const challenge = 'Bearer error="insufficient_scope", scope="docs:read"';
      response.writeHead(status, { "www-authenticate": challenge }).end();
    });
    const reason = `the smcp server at ${backend.host} refused the sign-in: the token lacks the scope "docs:read"; check --oidc-scopes`;
    expectRefusal(await post(client.url, "/v1/docs", CALL), 200, 40102, reason);
    expect(backend.seen).toHaveLength(1);
    expect(issuer.grants).toHaveLength(1);
  }
});

const SENTENCES: readonly (readonly [string, string, string])[] = [
  ["text", "this Host is not served here\n", ": this Host is not served here"],
  [
    "a JSON-RPC error",
    '{"jsonrpc":"2.0","error":{"code":40301,"message":"the token lacks a required claim or scope"}}',
    ": the token lacks a required claim or scope",
  ],
  ["a page", "<!doctype html><title>no</title>", ""],
  ["nothing", "", ""],
  ["control characters", "no\u001b[31m\u202eway\n2", ": no [31m way"],
  ["too much", "x".repeat(9_000), `: ${"x".repeat(199)}…`],
];

for (const [title, text, shown] of SENTENCES) {
  test(`a 403 with ${title} is 40102 with its sentence, made fit to be shown`, async () => {
    const { client, backend } = await start((_, response) => response.writeHead(403).end(text));
    const reason = `the smcp server at ${backend.host} refused this request${shown}`;
    expectRefusal(await post(client.url, "/v1/docs", CALL), 200, 40102, reason);
  });
}

test("a 403 whose body never ends is answered without it", async () => {
  const { client, backend } = await start((_, response) => {
    response.writeHead(403, { "content-type": "text/plain" }).write("no way\n");
  });
  const reason = `the smcp server at ${backend.host} refused this request: no way`;
  expectRefusal(await post(client.url, "/v1/docs", CALL), 200, 40102, reason);
});

test("an issuer that is away is 503, 50301; the server sees nothing, and both may come back", async () => {
  const gone = await startFakeIssuer();
  const { client, backend } = await start(undefined, signIn(gone.url));
  // Only now: a port that is free could be given to the next server that starts.
  await gone[Symbol.asyncDispose]();
  const answer = await post(client.url, "/v1/docs", CALL);
  expectRefusal(answer, 503, 50301, "the identity provider cannot be reached");
  expect(answer.headers["retry-after"]).toBe("5");
  expect(backend.seen).toEqual([]);
  await using _ = await startFakeIssuer(Number(new URL(gone.url).port));
  // The failure is remembered for a moment.
  await expect.poll(async () => (await post(client.url, "/v1/docs", CALL)).status, { timeout: 5_000 }).toBe(200);
});

test("50 requests to an issuer that fails are one attempt and one answer", async () => {
  const { client, issuer } = await startSignedIn();
  issuer.grant = (_, response) => response.writeHead(500).end("boom");
  const answers = await Promise.all(Array.from({ length: 50 }, () => post(client.url, "/v1/docs", CALL)));
  for (const answer of answers) expectRefusal(answer, 503, 50301, "the identity provider cannot be reached");
  expect(issuer.grants).toHaveLength(1);
});

const AWAY = "the identity provider cannot be reached";
const BROKEN_ISSUERS: readonly (readonly [string, (issuer: FakeIssuer) => void])[] = [
  ["discovery is not JSON", (issuer) => (issuer.discover = (_, response) => response.writeHead(200).end("<html>"))],
  [
    "discovery is broken JSON",
    (issuer) =>
      (issuer.discover = (_, response) => response.writeHead(200, { "content-type": "application/json" }).end("{")),
  ],
  ["discovery is missing", (issuer) => (issuer.discover = (_, response) => response.writeHead(404).end())],
  ["discovery is huge", (issuer) => (issuer.metadata = { x: "x".repeat(300_000) })],
  [
    "discovery redirects",
    (issuer) => (issuer.discover = (_, response) => response.writeHead(302, { location: "/x" }).end()),
  ],
  ["the token endpoint breaks off", (issuer) => (issuer.grant = (_, response) => response.destroy())],
  [
    "the token endpoint redirects",
    (issuer) => (issuer.grant = (_, response) => response.writeHead(307, { location: "/token" }).end()),
  ],
  ["the token answer is garbage", (issuer) => (issuer.grant = (_, response) => response.writeHead(200).end("ok"))],
  ["the token is missing", (issuer) => (issuer.grant = (_, response) => say(response, 200, { token_type: "bearer" }))],
  ["the issuer has no time", (issuer) => (issuer.grant = (_, response) => say(response, 429, { error: "slow_down" }))],
  [
    "the issuer is out of order",
    (issuer) => (issuer.grant = (_, response) => say(response, 400, { error: "temporarily_unavailable" })),
  ],
];

for (const [title, breakIt] of BROKEN_ISSUERS) {
  test(`${title}: 503, 50301, and nothing goes to the server`, async () => {
    const { client, backend, issuer } = await startSignedIn();
    breakIt(issuer);
    expectRefusal(await post(client.url, "/v1/docs", CALL), 503, 50301, AWAY);
    expect(backend.seen).toEqual([]);
    expect(issuer.grants.length).toBeLessThan(2);
  });
}

const REFUSING_ISSUERS: readonly (readonly [string, (issuer: FakeIssuer) => void, string])[] = [
  [
    "the client",
    (issuer) =>
      (issuer.grant = (_, response) =>
        say(
          response,
          401,
          { error: "invalid_client", error_description: SECRET },
          { "www-authenticate": 'Basic realm="x"' },
        )),
    " refused this client: invalid_client; check --oidc-client-id and the client secret",
  ],
  [
    "the scopes",
    (issuer) => (issuer.grant = (_, response) => say(response, 400, { error: "invalid_scope" })),
    " refused this client: invalid_scope; check --oidc-scopes",
  ],
  [
    "the resource",
    (issuer) =>
      (issuer.grant = (_, response) =>
        say(response, 400, { error: "invalid_request", error_description: "AADSTS9010010: the resource" })),
    " refused this client: invalid_request (AADSTS9010010); give --oidc-resource off, or the resource that the provider knows",
  ],
  [
    "with something that is no code",
    (issuer) => (issuer.grant = (_, response) => say(response, 400, { error: `<b>${SECRET}` })),
    " refused this client: an unknown error",
  ],
  [
    "by another name",
    (issuer) => (issuer.metadata = { issuer: "https://other.example" }),
    " calls itself by another name: check --oidc-issuer",
  ],
  [
    "without a token endpoint",
    (issuer) => (issuer.metadata = { token_endpoint: undefined }),
    " names no token endpoint",
  ],
  [
    "with a token endpoint in the clear",
    (issuer) => (issuer.metadata = { token_endpoint: "http://idp.example.com/token" }),
    " has a token endpoint without https",
  ],
  [
    "every client secret",
    (issuer) => (issuer.metadata = { token_endpoint_auth_methods_supported: ["private_key_jwt"] }),
    " takes no client secret; --oidc-auth-method forces one",
  ],
];

for (const [title, refuseIt, shown] of REFUSING_ISSUERS) {
  test(`an issuer that refuses ${title}: 40102 with its host and no secret`, async () => {
    const { client, backend, issuer } = await startSignedIn();
    refuseIt(issuer);
    const answer = await post(client.url, "/v1/docs", CALL);
    expectRefusal(answer, 200, 40102, `the identity provider ${issuer.host}${shown}`);
    expect(answer.body).not.toContain(SECRET);
    expect(backend.seen).toEqual([]);
  });
}

test("a failure carries no id where the message has none: not JSON, no body, a notification", async () => {
  const { client, backend } = await start((_, response) => response.destroy());
  const message = `the smcp server at ${backend.host} cannot be reached`;
  for (const text of [
    "not JSON",
    "[]",
    '{"jsonrpc":"2.0","method":"notifications/x"}',
    '{"jsonrpc":"2.0","id":4,"result":{}}',
  ]) {
    const answer = await post(client.url, "/v1/docs", text);
    expect(answer).toMatchObject({ status: 502, body: body(answer, 50201, message, null) });
  }
  const get = await speak(client.url, { path: "/v1/docs" });
  expect(get).toMatchObject({ status: 502, body: body(get, 50201, message, null) });
});

test("a notification and a response whose sign-in fails are taken and dropped", async () => {
  const { client } = await start(challenged);
  for (const text of ['{"jsonrpc":"2.0","method":"notifications/x"}', '{"jsonrpc":"2.0","id":4,"result":{}}']) {
    expect(await post(client.url, "/v1/docs", text)).toMatchObject({ status: 202, body: "" });
  }
});

test("a body over the limit is 413, whole or in pieces, and the server sees nothing", async () => {
  const { client, backend } = await start(undefined, { maxBody: 1_024 });
  const answer = await post(client.url, "/v1/docs", "x".repeat(1_025));
  expect(answer).toMatchObject({ status: 413, body: body(answer, -32_600, "the body is larger than 1KiB", null) });
  const pieces = await post(client.url, "/v1/docs", "x".repeat(100_000), { "transfer-encoding": "chunked" });
  expect(pieces).toMatchObject({ status: 413, body: body(pieces, -32_600, "the body is larger than 1KiB", null) });
  expect((await post(client.url, "/v1/docs", "x".repeat(1_024))).status).toBe(200);
  expect(backend.seen).toHaveLength(1);
});
