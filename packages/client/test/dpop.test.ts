/** Tokens that are bound to a key, from the sign-in at a real provider to the call at a real server. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { silentLog, systemClock } from "@smcp/core";
import { startIssuer, type Issuer, type IssuerOptions } from "@smcp/demo";
import { browse, httpBackend, recordingBackend, startTestServer, trust, type RecordingBackend } from "@smcp/testing";
import { expect, onTestFinished, test, vi } from "vitest";

import { startDeviceFlow } from "../src/sign-in/device.ts";
import type { FlowRequest } from "../src/sign-in/flow.ts";
import { boundedFetch } from "../src/tokens/bounded-fetch.ts";
import { DpopKey } from "../src/tokens/dpop-key.ts";
import { IssuerLink } from "../src/tokens/issuer-link.ts";
import { CALL, errorIn, startInFront, type InFront } from "./protected.ts";
import { post, speak } from "./speak.ts";
import { scratchFolder } from "./state-folder.ts";
import { startTap, type Tap, type Tapped } from "./tap.ts";
import { Visitor } from "./visitor.ts";

const WAIT = { timeout: 20_000, interval: 50 };

interface House {
  readonly issuer: Issuer;
  readonly backend: RecordingBackend;
  readonly tap: Tap;
  /** The server itself, past the tap. */
  readonly server: string;
}

async function startHouse(options: IssuerOptions): Promise<House> {
  const issuer = await startIssuer({ people: {}, ...options });
  const backend = await recordingBackend();
  const tap = await startTap();
  const server = await startTestServer({
    backends: [httpBackend("docs", backend.url)],
    issuers: [trust(issuer.url)],
    client: { clientId: "smcp-laptop", flows: [] },
    server: { publicUrl: tap.url },
    dpopNonces: options.dpop?.requiresNonce === true,
  });
  tap.target = server.url;
  onTestFinished(async () => {
    await server[Symbol.asyncDispose]();
    await backend[Symbol.asyncDispose]();
    await issuer.close();
  });
  return { issuer, backend, tap, server: server.url };
}

function partOf(jwt: string, part: 0 | 1): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split(".")[part] ?? "", "base64url").toString()) as Record<string, unknown>;
}

/** What one request proved, and of which token. */
function proved({ authorization, dpop }: Tapped): { scheme: string; jkt: unknown; proof: Record<string, unknown> } {
  const [scheme = "", token = ""] = authorization.split(" ");
  const { jkt } = (partOf(token, 1)["cnf"] ?? {}) as { jkt?: unknown };
  return { scheme, jkt, proof: partOf(dpop, 1) };
}

async function callUntilServed({ call }: InFront): Promise<void> {
  await vi.waitFor(async () => expect(errorIn(await call())).toBeUndefined(), WAIT);
}

test("a person's tokens are bound to a key, which a renewal and a restart keep; each request has a proof of its own", async () => {
  const { issuer, backend, tap, server } = await startHouse({ dpop: { requiresNonce: true }, tokenTtl: 3_000 });
  const stateFolder = scratchFolder();
  const kept = { tokenStore: "file", stateFolder } as const;
  const first = await startInFront(tap.url, kept);
  await callUntilServed(first);
  expect((await post(first.client.url, "/docs?key=1", CALL)).status).toBe(200);
  const [asked = ""] = first.person.opened;

  const one = tap.seen.map(proved);
  // The first proof of all could not know the server's nonce.
  expect(one.map(({ proof }) => typeof proof["nonce"])).toEqual(["undefined", "string", "string"]);
  const { jkt } = one[0] ?? {};
  expect(jkt).toMatch(/^[\w-]{43}$/);
  expect(new URL(asked).searchParams.get("dpop_jkt")).toBe(jkt);
  expect(one.every(({ scheme }) => scheme === "DPoP")).toBe(true);
  // A query is no part of it; the name is a new one each time.
  expect(one.at(-1)?.proof).toMatchObject({ htm: "POST", htu: `${tap.url}/docs` });
  expect(new Set(one.map(({ proof }) => proof["jti"])).size).toBe(one.length);
  const [token = ""] = tap.seen.at(-1)?.authorization.split(" ").slice(1) ?? [];
  expect(one.at(-1)?.proof["ath"]).toBe(createHash("sha256").update(token).digest("base64url"));

  // What was overheard is good for nothing: not once more, not alone.
  const { authorization = "", dpop = "" } = tap.seen.at(-1) ?? {};
  const reached = backend.seen.length;
  const stolen = { "content-type": "application/json", authorization, dpop };
  const again = await speak(server, { method: "POST", path: "/docs", headers: stolen, body: CALL });
  expect(again.status).toBe(401);
  expect(again.headers["www-authenticate"]).toContain('DPoP error="invalid_dpop_proof"');
  const alone = { ...stolen, authorization: authorization.replace("DPoP", "Bearer") };
  expect((await speak(server, { method: "POST", path: "/docs", headers: alone, body: CALL })).status).toBe(401);
  expect(backend.seen).toHaveLength(reached);

  await vi.waitFor(async () => {
    expect((await first.call()).status).toBe(200);
    expect(tap.seen.at(-1)?.authorization).not.toBe(authorization);
  }, WAIT);
  expect(proved(tap.seen.at(-1) as Tapped)).toMatchObject({ scheme: "DPoP", jkt });
  expect(errorIn(await first.call())).toBeUndefined();
  await first.client.close();

  const file = readdirSync(stateFolder).find((name) => name.endsWith(".session.json")) ?? "";
  const { session } = JSON.parse(readFileSync(join(stateFolder, file), "utf8")) as { session: { dpopKey: object } };
  expect(Object.keys(session.dpopKey).toSorted()).toEqual(["crv", "d", "kty", "x", "y"]);

  const passed = tap.seen.length;
  const second = await startInFront(tap.url, kept);
  expect(errorIn(await second.call())).toBeUndefined();
  // Twice, for the nonce.
  expect(tap.seen.slice(passed).map((one) => proved(one).jkt)).toEqual([jkt, jkt]);
  expect(second.person.opened).toEqual([]);
  expect(issuer.requestsTo("/auth")).toBe(1);
  const written = [...first.log.lines, ...second.log.lines].join("\n");
  expect(written).not.toContain((session.dpopKey as { d: string }).d);
});

test("a person who signs in by device code has tokens that are bound, too", async () => {
  await using issuer = await startIssuer({ people: {}, dpop: { requiresNonce: true } });
  const fetch = boundedFetch(5_000);
  const clientId = "smcp-laptop";
  const about = {
    namedBy: "person",
    clientId,
    clientSecret: undefined,
    authMethod: undefined,
    clockTolerance: 0,
  } as const;
  const key = await DpopKey.make();
  const { promise: entered, resolve } = Promise.withResolvers<void>();
  const request: FlowRequest = {
    issuer: issuer.url,
    scopes: ["openid"],
    resource: "urn:r",
    audience: undefined,
    binding: { key, isRequired: true },
    client: async () => {
      const link = new IssuerLink({ issuer: issuer.url, ...about }, fetch);
      return { ...(await link.open()), clientId, registration: undefined };
    },
  };
  const parts = { clock: systemClock, log: silentLog, signal: new AbortController().signal, pause: () => entered };
  const flow = await startDeviceFlow(request, parts);
  await browse(flow.completeUrl ?? "");
  resolve();
  const end = await flow.ended;
  if (!("session" in end)) throw new Error(JSON.stringify(end));
  const { accessToken, dpopKey } = end.session;
  expect(dpopKey).toEqual(key.jwk);
  expect(partOf(accessToken.reveal(), 1)["cnf"]).toEqual({ jkt: expect.any(String) as string });
});

test.each([
  ["auto", undefined, "Bearer"],
  ["off", { requiresNonce: false }, "Bearer"],
  ["on", { requiresNonce: false }, "DPoP"],
] as const)("--dpop %s at a provider with %j sends %s", async (dpop, feature, scheme) => {
  const { tap } = await startHouse(feature ? { dpop: feature } : {});
  const front = await startInFront(tap.url, { oidc: { dpop } });
  await callUntilServed(front);
  expect(tap.seen.at(-1)?.authorization.split(" ")[0]).toBe(scheme);
  expect(tap.seen.at(-1)?.dpop === "").toBe(scheme === "Bearer");
});

test("a server that is asked under another name than its own gets no bound token, unless that is required", async () => {
  const { server, issuer, backend } = await startHouse({ dpop: { requiresNonce: false } });
  const oidc = { resource: "off", issuer: issuer.url, clientId: "smcp-laptop" };
  const front = await startInFront(server, { oidc });
  await callUntilServed(front);
  expect(backend.seen).toHaveLength(1);
  const strict = await startInFront(server, { oidc: { ...oidc, dpop: "on" } });
  const { host } = new URL(server);
  await vi.waitFor(async () => {
    expect(errorIn(await strict.call())).toMatchObject({
      code: 40102,
      message: `the smcp server at ${host} refused the proof of the token's key: check this machine's clock, and that --server-url is the address that the server calls itself`,
    });
  }, WAIT);
  expect(backend.seen).toHaveLength(1);
});

test("--dpop on refuses tokens that are bound to nothing, and keeps none", async () => {
  const { tap, issuer } = await startHouse({});
  const front = await startInFront(tap.url, { oidc: { dpop: "on" } }, new Visitor());
  await vi.waitFor(async () => {
    expect(errorIn(await front.call())).toMatchObject({
      code: 40102,
      message: `the identity provider ${new URL(issuer.url).host} gave a token that is bound to no key (DPoP)`,
    });
  }, WAIT);
  expect(tap.seen).toEqual([]);
});
