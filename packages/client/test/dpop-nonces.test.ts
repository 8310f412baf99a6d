/** What a server and an issuer want in a proof, nonces and their own time, costs one repetition and no token. */
import type { ClientSignIn } from "@smcp/config";
import { Secret, silentLog } from "@smcp/core";
import { startIssuer } from "@smcp/demo";
import { expect, onTestFinished, test } from "vitest";

import { signOut, startClient, type Client } from "../src/index.ts";
import { refreshSession } from "../src/sign-in/refresh.ts";
import { openSessionStore } from "../src/store/open.ts";
import { placeOf } from "../src/store/place.ts";
import { boundedFetch } from "../src/tokens/bounded-fetch.ts";
import { DpopKey } from "../src/tokens/dpop-key.ts";
import { IssuerLink } from "../src/tokens/issuer-link.ts";
import { startBackend, type Backend, type Recorded } from "./backend.ts";
import { TestClock } from "./clock.ts";
import { say, startFakeIssuer, type FakeIssuer } from "./fake-issuer.ts";
import { errorIn } from "./protected.ts";
import { settingsFor } from "./settings.ts";
import { post, type Spoken } from "./speak.ts";
import { opened, sampleSession, scratchFolder } from "./state-folder.ts";

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
const ALGORITHMS = { dpop_signing_alg_values_supported: ["ES256"] };

/** What a request was sent with, but for what is new each time. */
function claimsOf({ headers }: Recorded): Record<string, unknown> {
  const payload = (headers["dpop"] ?? "").split(".")[1] ?? "";
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
}

const callsOf = (server: Backend): Recorded[] => server.seen.filter(({ url }) => !url.startsWith("/.well-known/"));
const noncesOf = (server: Backend): unknown[] => callsOf(server).map((one) => claimsOf(one)["nonce"]);

type Judge = (request: Recorded) => { readonly status: number; readonly headers: Record<string, string> };

/** A server that takes proofs as it says in its metadata, and judges them as a test says. */
async function startJudging(judge: Judge, metadata: Record<string, unknown> = ALGORITHMS): Promise<Backend> {
  const server = await startBackend();
  server.answer = (request, response) => {
    const isMetadata = request.url.startsWith("/.well-known/");
    if (isMetadata) say(response, 200, { resource: server.url, authorization_servers: [], ...metadata });
    else {
      const { status, headers } = judge(request);
      say(response, status, { jsonrpc: "2.0", id: 1, result: {} }, headers);
    }
  };
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

const wantsNonce = (nonce: string): ReturnType<Judge> => ({
  status: 401,
  headers: { "www-authenticate": 'Bearer error="invalid_token", DPoP error="use_dpop_nonce"', "dpop-nonce": nonce },
});

async function startMachine(server: Backend, oidc: Partial<ClientSignIn>): Promise<Client> {
  const client = await startClient(settingsFor(server.url, { authMode: "oidc", oidc }), silentLog);
  onTestFinished(() => client.close());
  return client;
}

async function startBound(server: Backend): Promise<{ call: () => Promise<Spoken>; tokens: () => number }> {
  const issuer = await startIssuer({ dpop: { requiresNonce: true } });
  onTestFinished(() => issuer.close());
  const { url, clientId, clientSecret } = issuer;
  const client = await startMachine(server, { issuer: url, clientId, clientSecret: new Secret(clientSecret) });
  // The first of two asks for the issuer's nonce.
  return { call: () => post(client.url, "/docs", CALL), tokens: () => issuer.requestsTo("/token") };
}

test("a machine proves its key as well; the server's nonce is repeated with the same token, and a newer one is taken", async () => {
  let nonce = "n1";
  const server = await startJudging((request) =>
    claimsOf(request)["nonce"] === nonce ? { status: 200, headers: {} } : wantsNonce(nonce),
  );
  const { call, tokens } = await startBound(server);
  for (let n = 0; n < 2; n++) expect(errorIn(await call())).toBeUndefined();
  nonce = "n2";
  expect(errorIn(await call())).toBeUndefined();
  expect(noncesOf(server)).toEqual([undefined, "n1", "n1", "n1", "n2"]);
  const calls = callsOf(server);
  expect(new Set(calls.map(({ headers }) => headers["authorization"])).size).toBe(1);
  expect(new Set(calls.map((one) => claimsOf(one)["jti"])).size).toBe(5);
  expect(tokens()).toBe(2);
});

test("a nonce that comes with a good answer is in the next proof; what is no nonce is not", async () => {
  const given = ["n1", "a b", "n2", ""];
  const server = await startJudging(() => ({ status: 200, headers: { "dpop-nonce": given.shift() ?? "" } }));
  const { call } = await startBound(server);
  for (let n = 0; n < 4; n++) {
    const { headers } = await call();
    expect(headers).not.toHaveProperty("dpop-nonce");
  }
  expect(noncesOf(server)).toEqual([undefined, "n1", "n1", "n2"]);
});

test("a server that is content with no nonce is asked twice, and no token is got for it", async () => {
  let count = 0;
  const server = await startJudging(() => wantsNonce(`n${++count}`));
  const { call, tokens } = await startBound(server);
  const { code, message } = errorIn(await call());
  expect(code).toBe(40102);
  expect(message).toBe(
    `the smcp server at ${server.host} refused the proof of the token's key: check this machine's clock, and that --server-url is the address that the server calls itself`,
  );
  expect(noncesOf(server)).toEqual([undefined, "n1"]);
  expect(tokens()).toBe(2);
});

test("after a nonce, a token that the server refuses is renewed once", async () => {
  let good = "";
  const server = await startJudging((request) => {
    if (claimsOf(request)["nonce"] !== "n") return wantsNonce("n");
    const { authorization = "" } = request.headers;
    good ||= authorization;
    if (authorization !== good) return { status: 200, headers: {} };
    return { status: 401, headers: { "www-authenticate": 'DPoP error="invalid_token"' } };
  });
  const { call, tokens } = await startBound(server);
  expect(errorIn(await call())).toBeUndefined();
  expect(noncesOf(server)).toEqual([undefined, "n", "n"]);
  expect(tokens()).toBe(3);
});

const HOUR = 3_600;
/** The time where it is an hour later, in seconds. */
const there = (): number => Date.now() / 1_000 + HOUR;

test("a server whose clock is an hour ahead gets proofs by its own clock", async () => {
  const server = await startJudging((request) => {
    const isGood = Math.abs((claimsOf(request)["iat"] as number) - there()) < 60;
    const headers = { date: new Date(there() * 1_000).toUTCString() };
    if (isGood) return { status: 200, headers };
    return { status: 401, headers: { ...headers, "www-authenticate": 'DPoP error="invalid_dpop_proof"' } };
  });
  const { call, tokens } = await startBound(server);
  for (let n = 0; n < 2; n++) expect(errorIn(await call())).toBeUndefined();
  expect(callsOf(server)).toHaveLength(3);
  expect(tokens()).toBe(2);
});

test.each([
  ["does not speak of it", {}, "Bearer"],
  ["knows other algorithms", { dpop_signing_alg_values_supported: ["RS256"] }, "Bearer"],
  ["knows ours", ALGORITHMS, "DPoP"],
  ["knows ours and speaks of another address", { ...ALGORITHMS, resource: "http://localhost:1" }, "Bearer"],
  [
    "takes no token without",
    { ...ALGORITHMS, resource: "http://localhost:1", dpop_bound_access_tokens_required: true },
    "DPoP",
  ],
])("a server that %s gets what it takes", async (_, metadata, scheme) => {
  const server = await startJudging(() => ({ status: 200, headers: {} }), metadata);
  const issuer = await startIssuer({ dpop: { requiresNonce: false } });
  onTestFinished(() => issuer.close());
  const { url, clientId, clientSecret } = issuer;
  const oidc = { issuer: url, clientId, clientSecret: new Secret(clientSecret), resource: "off" };
  const client = await startMachine(server, oidc);
  expect(errorIn(await post(client.url, "/docs", CALL))).toBeUndefined();
  expect(callsOf(server).map(({ headers }) => headers["authorization"]?.split(" ")[0])).toEqual([scheme]);
});

async function refreshBound(issuer: FakeIssuer): Promise<unknown> {
  const about = { clientId: "laptop", clientSecret: undefined, authMethod: undefined, clockTolerance: 30_000 };
  const link = new IssuerLink({ issuer: issuer.url, namedBy: "person", ...about }, boundedFetch(5_000));
  const session = sampleSession({ issuer: issuer.url, dpopKey: (await DpopKey.make()).jwk });
  const renewed = await refreshSession(session, link, new TestClock());
  return "refusal" in renewed ? renewed : opened(renewed);
}

test("a bound session is not renewed to one that is not", async () => {
  await using issuer = await startFakeIssuer();
  expect(await refreshBound(issuer)).toMatchObject({
    refusal: {
      refused: "SIGN_IN_REFUSED",
      facts: { reason: `the identity provider ${issuer.host} gave a token that is bound to no key (DPoP)` },
    },
  });
});

test("an issuer whose clock is an hour ahead gets proofs by its own clock", async () => {
  await using issuer = await startFakeIssuer();
  issuer.grant = (request, response) => {
    const isGood = Math.abs((claimsOf(request)["iat"] as number) - there()) < 60;
    const date = new Date(there() * 1_000).toUTCString();
    if (isGood) say(response, 200, { access_token: "a", token_type: "DPoP", expires_in: 60 }, { date });
    else say(response, 400, { error: "invalid_dpop_proof" }, { date });
  };
  expect(await refreshBound(issuer)).toMatchObject({ accessToken: "a", dpopKey: { kty: "EC" } });
  expect(issuer.grants).toHaveLength(2);
});

test("a kept key that is broken is told, and is no way to send the token alone", async () => {
  await using server = await startBackend();
  const settings = settingsFor(server.url, { stateFolder: scratchFolder(), tokenStore: "file", authMode: "auto" });
  const store = await openSessionStore(placeOf(settings), silentLog);
  const { jwk } = await DpopKey.make();
  await store.write(sampleSession({ obtainedAt: Date.now(), dpopKey: { ...jwk, y: jwk.x as string } }));
  const client = await startClient(settings, silentLog);
  onTestFinished(() => client.close());
  expect(errorIn(await post(client.url, "/docs", CALL))).toMatchObject({
    code: 40102,
    message: "the key of the stored sign-in cannot be used: smcp logout, then smcp login, makes another",
  });
  expect(server.seen).toEqual([]);
});

const keyFor = (dpop?: ClientSignIn["dpop"]): string =>
  placeOf(settingsFor("https://mcp.example.com", { oidc: dpop === undefined ? {} : { dpop } })).key;

test("who takes both kinds of tokens keeps them apart from who takes one", () => {
  expect(keyFor("auto")).toBe(keyFor());
  expect(new Set([keyFor(), keyFor("on"), keyFor("off")]).size).toBe(3);
});

test("who signs out proves the key to the server", async () => {
  const server = await startJudging(() => ({ status: 200, headers: {} }));
  await using issuer = await startFakeIssuer();
  const stateFolder = scratchFolder();
  const settings = settingsFor(server.url, { stateFolder, tokenStore: "file" });
  const store = await openSessionStore(placeOf(settings), silentLog);
  await store.write(sampleSession({ issuer: issuer.url, dpopKey: (await DpopKey.make()).jwk }));
  expect(await signOut(settings, silentLog)).toMatchObject([{ server: "revoked" }]);
  const [told] = callsOf(server);
  expect(told?.headers["authorization"]).toBe("DPoP hunter2-access-1");
  expect(told && claimsOf(told)).toMatchObject({ htm: "POST", htu: `${server.url}/auth/revoke` });
});
