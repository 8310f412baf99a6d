import { createHmac } from "node:crypto";

import { Agent, request } from "undici";
import { describe, expect, it } from "vitest";

import { Secret } from "@smcp/core";
import {
  httpBackend,
  recordingBackend,
  signingIssuer,
  startTestServer,
  trust,
  type SigningIssuer,
} from "@smcp/testing";

const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}';
const send = (url: string, token?: string, headers: Record<string, string> = {}) =>
  request(url, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
  });

async function house(trustMore: Parameters<typeof trust>[1] = {}) {
  const issuer = await signingIssuer();
  const backend = await recordingBackend();
  const server = await startTestServer({
    backends: [httpBackend("docs", backend.url)],
    issuers: [trust(issuer.issuer, trustMore)],
    server: { sessionKey: new Secret("0123456789abcdef0123456789abcdef") },
  });
  await expect.poll(async () => (await request(`${server.url}/readyz`)).statusCode).toBe(200);
  return {
    issuer,
    backend,
    server,
    url: `${server.url}/docs`,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
      await issuer[Symbol.asyncDispose]();
    },
  };
}

const HOUR = 3_600;
const now = () => Math.floor(Date.now() / 1_000);

describe("a connection that is kept", () => {
  it("is asked for its credential with every request: another one is another caller, a bad one is refused", async () => {
    await using at = await house();
    const one = new Agent({ connections: 1, pipelining: 1 });
    const ask = async (token: string | undefined): Promise<number> => {
      const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
      const { statusCode, body: answer } = await request(at.url, { method: "POST", body, headers, dispatcher: one });
      await answer.dump();
      return statusCode;
    };
    const [alice, bob] = [await at.issuer.token({ sub: "alice" }), await at.issuer.token({ sub: "bob" })];
    for (const token of [alice, alice, bob, alice]) expect(await ask(token)).toBe(200);
    expect(await ask(`${alice.slice(0, -4)}AAAA`)).toBe(401);
    expect(await ask(undefined)).toBe(401);
    expect(await ask(bob)).toBe(200);
    expect(at.backend.seen.map(({ headers }) => headers["x-subject"])).toEqual([
      "alice",
      "alice",
      "bob",
      "alice",
      "bob",
    ]);
    await one.close();
  });
});

describe("a request without a good credential reaches no backend", () => {
  it("none at all: 401 with the way to sign in, and no error", async () => {
    await using at = await house();
    const answer = await send(at.url);
    expect(answer.statusCode).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer resource_metadata="${at.server.url}/.well-known/oauth-protected-resource/docs"`,
    );
    expect(await answer.body.json()).toEqual({
      jsonrpc: "2.0",
      error: { code: 40101, message: "sign-in needed", data: { request_id: answer.headers["x-request-id"] } },
    });
    expect(at.backend.seen).toEqual([]);
  });

  const forged: [title: string, make: (issuer: SigningIssuer) => Promise<string> | string][] = [
    ["another audience", (i) => i.token({ aud: "other" })],
    ["an audience that begins like ours", (i) => i.token({ aud: "api2" })],
    ["no audience", (i) => i.token({ aud: undefined })],
    ["an empty audience", (i) => i.token({ aud: [] })],
    ["six audiences", (i) => i.token({ aud: ["api", "b", "c", "d", "e", "f"] })],
    ["another issuer", (i) => i.token({ iss: `${i.issuer}/` })],
    ["a look-alike issuer", (i) => i.token({ iss: `${i.issuer}.evil` })],
    ["no expiry", (i) => i.token({ exp: undefined })],
    ["an expiry that is text", (i) => i.token({ exp: String(now() + HOUR) as unknown as number })],
    ["an expiry in the past", (i) => i.token({ exp: now() - 31, iat: now() - HOUR })],
    ["a life of ten years", (i) => i.token({ exp: now() + 10 * 365 * 24 * HOUR })],
    ["an issue date in the future", (i) => i.token({ iat: now() + HOUR, exp: now() + 2 * HOUR })],
    ["a start in the future", (i) => i.token({ nbf: now() + HOUR })],
    ["no subject", (i) => i.token({ sub: undefined })],
    ["a binding that is not understood", (i) => i.token({ cnf: { "x5t#S256": "x" } })],
    ["the type of a logout token", (i) => i.token({}, { typ: "logout+jwt" })],
    ["the type of a proof", (i) => i.token({}, { typ: "dpop+jwt" })],
    ["the marks of an ID token", (i) => i.token({ nonce: "n" }, { typ: "JWT" })],
    ["the hash of an ID token", (i) => i.token({ at_hash: "h" }, { typ: "JWT" })],
    ["the mark of a refresh token", (i) => i.token({ typ: "Refresh" }, { typ: "JWT" })],
    ["a key address of its own", (i) => i.token({}, { jku: "http://127.0.0.1:9/jwks" })],
    ["a key of its own", (i) => i.token({}, { jwk: { kty: "EC" } })],
    ["an unknown key", (i) => i.token({}, { kid: "../../etc/passwd" })],
    ["a changed claim", async (i) => tamper(await i.token())],
    ["no signature", async (i) => unsigned(await i.token(), { alg: "none" })],
    ["an HMAC by the public key", async (i) => hmac(await i.token())],
    ["a trailing equals sign", async (i) => `${await i.token()}=`],
    ["another spelling of its last letter", async (i) => respell(await i.token())],
    ["two parts", () => "a.b"],
    ["no shape at all", () => "opaque"],
  ];
  it.each(forged)("a token with %s", async (_, make) => {
    await using at = await house();
    const answer = await send(at.url, await make(at.issuer));
    expect(answer.statusCode).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer resource_metadata="${at.server.url}/.well-known/oauth-protected-resource/docs", error="invalid_token"`,
    );
    expect(await answer.body.json()).toMatchObject({ error: { code: 40101, message: "the token is not valid here" } });
    expect(at.backend.seen).toEqual([]);
  });

  it.each(["Basic YTpi", "Bearer", "Bearer  two", "bearer a, bearer b", ""])("the header %j", async (authorization) => {
    await using at = await house();
    expect((await send(at.url, undefined, { authorization })).statusCode).toBe(401);
    expect(at.backend.seen).toEqual([]);
  });

  it("a claim that breaks its rule: 403, for no sign-in would help", async () => {
    await using at = await house({ requiredClaims: new Map([["team", "blue"]]) });
    const answer = await send(at.url, await at.issuer.token({ team: "red" }));
    expect(answer.statusCode).toBe(403);
    expect(answer.headers["www-authenticate"]).toBeUndefined();
    expect(at.backend.seen).toEqual([]);
    expect((await send(at.url, await at.issuer.token({ team: ["red", "blue"] }))).statusCode).toBe(200);
  });

  it("groups that were left out for being too many: 403 with the reason in the log", async () => {
    await using at = await house();
    const token = await at.issuer.token({ _claim_names: { groups: "src1" } });
    expect((await send(at.url, token)).statusCode).toBe(403);
    expect(at.server.lines.find((line) => line.fields["refused"] === "CLAIM_MISSING")?.fields["reason"]).toBe(
      "groups_overage",
    );
  });
});

describe("a good token", () => {
  it("passes, and the backend learns who calls but never the token", async () => {
    await using at = await house();
    const token = await at.issuer.token({ sub: "alice smith", email: "a@x.test", email_verified: true });
    expect((await send(at.url, token)).statusCode).toBe(200);
    expect(at.backend.seen[0]?.headers).toMatchObject({ "x-subject": "alice%20smith", "x-email": "a@x.test" });
    expect(JSON.stringify(at.backend.seen)).not.toContain(token);
    expect(JSON.stringify(at.server.lines)).not.toContain(token);
  });

  it("withholds an address that is not verified", async () => {
    await using at = await house();
    await send(at.url, await at.issuer.token({ email: "a@x.test", email_verified: false }));
    expect(at.backend.seen[0]?.headers["x-email"]).toBeUndefined();
  });

  it("may be meant for the resource itself, or for the whole server", async () => {
    await using at = await house();
    for (const aud of [at.url, at.server.url])
      expect((await send(at.url, await at.issuer.token({ aud }))).statusCode).toBe(200);
    expect((await send(at.url, await at.issuer.token({ aud: `${at.server.url}/other` }))).statusCode).toBe(401);
  });

  it("compares the scheme without case", async () => {
    await using at = await house();
    const answer = await send(at.url, undefined, { authorization: `bEARER ${await at.issuer.token()}` });
    expect(answer.statusCode).toBe(200);
  });

  it("without a key id is tried with the issuer's keys", async () => {
    await using at = await house();
    expect((await send(at.url, await at.issuer.token({}, { kid: undefined as never }))).statusCode).toBe(200);
  });
});

describe("while the issuer", () => {
  it("is away from the start, nobody is let in and nobody is sent to sign in: 503", async () => {
    await using issuer = await signingIssuer();
    issuer.mode = "failing";
    await using backend = await recordingBackend();
    await using server = await startTestServer({
      backends: [httpBackend("docs", backend.url)],
      issuers: [trust(issuer.issuer)],
    });
    const answer = await send(`${server.url}/docs`, await issuer.token());
    expect([answer.statusCode, answer.headers["retry-after"], answer.headers["www-authenticate"]]).toEqual([
      503,
      "5",
      undefined,
    ]);
    expect(await answer.body.json()).toMatchObject({
      error: { code: 50301, message: "the identity provider cannot be reached" },
    });
    const ready = await request(`${server.url}/readyz`);
    expect([ready.statusCode, await ready.body.text()]).toEqual([503, `no keys of ${issuer.issuer} yet\n`]);
    expect(backend.seen).toEqual([]);
    issuer.mode = "up";
    await expect
      .poll(async () => (await send(`${server.url}/docs`, await issuer.token())).statusCode, { timeout: 15_000 })
      .toBe(200);
  });

  it("is away later, its known keys go on serving", async () => {
    await using at = await house();
    at.issuer.mode = "hanging";
    expect((await send(at.url, await at.issuer.token())).statusCode).toBe(200);
  });

  it("rotates its key, the new one is good at first use and unknown ones ask it once", async () => {
    await using at = await house();
    await at.issuer.rotate();
    const before = at.issuer.asked.filter((path) => path === "/jwks").length;
    expect((await send(at.url, await at.issuer.token())).statusCode).toBe(200);
    for (let i = 0; i < 20; i++) await send(at.url, await at.issuer.token({}, { kid: `unknown-${i}` }));
    expect(at.issuer.asked.filter((path) => path === "/jwks").length - before).toBe(1);
  });

  it("answers nonsense, the keys before it stay", async () => {
    await using at = await house();
    for (const text of ['{"keys":[]}', '{"keys":[{"kty":"oct","k":"x"}]}', "{", `{"keys":"${"x".repeat(300_000)}"}`]) {
      at.issuer.keysText = text;
      await send(at.url, await at.issuer.token({}, { kid: `unknown-${text.length}` }));
      expect((await send(at.url, await at.issuer.token({ jti: text.slice(0, 20) }))).statusCode).toBe(200);
    }
  });
});

it("refuses a token of one issuer that names another", async () => {
  await using one = await signingIssuer();
  await using two = await signingIssuer();
  await using backend = await recordingBackend();
  await using server = await startTestServer({
    backends: [httpBackend("docs", backend.url)],
    issuers: [trust(one.issuer), trust(two.issuer)],
  });
  await expect.poll(async () => (await request(`${server.url}/readyz`)).statusCode).toBe(200);
  expect((await send(`${server.url}/docs`, await one.token({ iss: two.issuer }))).statusCode).toBe(401);
  expect(backend.seen).toEqual([]);
});

it("J16: binds a backend's session to the caller it was given to", async () => {
  await using issuer = await signingIssuer();
  await using backend = await recordingBackend((seen, response) => {
    response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "backend-7" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result: seen.headers["mcp-session-id"] ?? null }));
  });
  await using server = await startTestServer({
    backends: [httpBackend("docs", backend.url), httpBackend("other", backend.url)],
    issuers: [trust(issuer.issuer)],
    server: { sessionKey: new Secret("0123456789abcdef0123456789abcdef") },
  });
  const alice = await issuer.token();
  const bob = await issuer.token({ sub: "bob" });
  const opened = await send(`${server.url}/docs`, alice);
  const session = opened.headers["mcp-session-id"] as string;
  expect(session).not.toBe("backend-7");
  const again = await send(`${server.url}/docs`, alice, { "mcp-session-id": session });
  expect(await again.body.json()).toMatchObject({ result: "backend-7" });
  const reached = backend.seen.length;
  for (const [where, token, id] of [
    ["docs", bob, session],
    ["other", alice, session],
    ["docs", alice, "backend-7"],
    ["docs", alice, `${"A".repeat(22)}.backend-7`],
  ] as const) {
    const answer = await send(`${server.url}/${where}`, token, { "mcp-session-id": id });
    expect(answer.statusCode).toBe(404);
    expect(await answer.body.json()).toMatchObject({
      id: 1,
      error: { code: -32001, message: "session not found", data: { code: 40401 } },
    });
  }
  expect(backend.seen.length).toBe(reached);
});

describe("what the server says of itself", () => {
  it("names the issuer for each resource and for the whole, without authentication", async () => {
    await using at = await house();
    const root = await request(`${at.server.url}/.well-known/oauth-protected-resource`);
    expect(await root.body.json()).toEqual({
      resource: at.server.url,
      authorization_servers: [at.issuer.issuer],
      bearer_methods_supported: ["header"],
      dpop_signing_alg_values_supported: ["ES256", "EdDSA", "Ed25519"],
      resource_name: "smcp",
      smcp: { flows: [], audience: "api" },
    });
    const docs = await request(`${at.server.url}/.well-known/oauth-protected-resource/docs`);
    expect(await docs.body.json()).toMatchObject({ resource: at.url, resource_name: "docs" });
    expect((await request(`${at.server.url}/.well-known/oauth-protected-resource/none`)).statusCode).toBe(404);
  });

  it("L30: lists its backends to those who may know them", async () => {
    await using at = await house();
    expect((await request(`${at.server.url}/api/models`)).statusCode).toBe(401);
    const answer = await request(`${at.server.url}/api/models`, {
      headers: { authorization: `Bearer ${await at.issuer.token()}` },
    });
    expect(await answer.body.json()).toMatchObject({
      object: "list",
      data: [
        {
          ID: "docs",
          Name: "docs",
          Model: "",
          Path: "/docs",
          MaxTokens: 0,
          id: "docs",
          type: "model",
          display_name: "docs",
        },
      ],
      has_more: false,
      first_id: "docs",
      last_id: "docs",
    });
  });

  it("has no metadata where nobody is asked", async () => {
    await using server = await startTestServer({ backends: [] });
    expect((await request(`${server.url}/.well-known/oauth-protected-resource`)).statusCode).toBe(404);
    expect((await request(`${server.url}/api/models`)).statusCode).toBe(200);
  });
});

function tamper(token: string): string {
  const [head, payload = "", signature] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
  const changed = Buffer.from(JSON.stringify({ ...claims, sub: "root" })).toString("base64url");
  return `${head}.${changed}.${signature}`;
}

function unsigned(token: string, header: object): string {
  return `${Buffer.from(JSON.stringify(header)).toString("base64url")}.${token.split(".")[1]}.AAAA`;
}

function hmac(token: string): string {
  const head = Buffer.from('{"alg":"HS256","kid":"key-1"}').toString("base64url");
  const signed = `${head}.${token.split(".")[1]}`;
  return `${signed}.${createHmac("sha256", "public").update(signed).digest("base64url")}`;
}

/** ES256 signatures are 64 bytes: the last letter of their base64url carries four bits that nobody reads. */
function respell(token: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(token.at(-1) ?? "");
  return token.slice(0, -1) + alphabet[last ^ 1];
}
