/** What the server remembers of proofs, and the nonces for which it remembers nothing. */
import { request } from "undici";
import { expect, it } from "vitest";

import { Secret, silentLog } from "@smcp/core";
import { startServer } from "@smcp/server";
import {
  httpBackend,
  recordingBackend,
  serverSettings,
  signingIssuer,
  startTestServer,
  trust,
  type ServerChoices,
} from "@smcp/testing";

import { Nonces } from "../src/auth/dpop-nonce.ts";
import { Replays } from "../src/auth/dpop-replays.ts";
import { keyHolder } from "./dpop-caller.ts";

const KEY = Buffer.from("0123456789abcdef0123456789abcdef");
const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';

class HandClock {
  time = 1_800_000_000_000;
  readonly now = (): number => this.time;
  readonly elapsed = (): number => this.time;
}

it("a name is used once by each key, for the whole term and less than two", () => {
  const clock = new HandClock();
  const replays = new Replays(clock, 1_000);
  expect([replays.isFirst("a", "1"), replays.isFirst("b", "1"), replays.isFirst("a", "2")]).toEqual([true, true, true]);
  for (const later of [0, 999, 1]) {
    clock.time += later;
    expect([replays.isFirst("a", "1"), replays.isFirst("b", "1"), replays.isFirst("a", "2")]).toEqual([
      false,
      false,
      false,
    ]);
  }
  clock.time += 1_000;
  expect(replays.isFirst("a", "1")).toBe(true);
  clock.time += 10_000;
  expect(replays.isFirst("a", "1")).toBe(true);
});

it("30,000 names are remembered each, and with no place left nothing is the first any more", () => {
  const clock = new HandClock();
  const replays = new Replays(clock, 1_000);
  const names = Array.from({ length: 30_000 }, (_, n) => `name ${n}`);
  expect(names.every((one) => replays.isFirst("a", one))).toBe(true);
  expect(names.some((one) => replays.isFirst("a", one))).toBe(false);
  const small = new Replays(clock, 1_000, 100);
  expect(names.filter((one) => small.isFirst("a", one))).toHaveLength(100);
  clock.time += 2_000;
  expect(small.isFirst("a", "another")).toBe(true);
});

it("a nonce is good for seconds, before and after too for clocks that differ, and everywhere with the same key", () => {
  const clock = new HandClock();
  const [one, other, foreign] = [KEY, KEY, Buffer.alloc(32)].map((key) => new Nonces(key, clock)) as [
    Nonces,
    Nonces,
    Nonces,
  ];
  const nonce = one.newest;
  expect(nonce).toMatch(/^[\w-]{22}$/);
  for (const moved of [0, 10_000, -20_000]) {
    clock.time += moved;
    expect([one.isGood(nonce), other.isGood(nonce), foreign.isGood(nonce)]).toEqual([true, true, false]);
  }
  clock.time += 30_000;
  expect(one.isGood(nonce)).toBe(false);
  expect([undefined, "", 1, null].some((none) => one.isGood(none))).toBe(false);
});

async function house(choices: ServerChoices = {}) {
  const issuer = await signingIssuer();
  const backend = await recordingBackend();
  const all = {
    backends: [httpBackend("docs", backend.url)],
    issuers: [trust(issuer.issuer)],
    server: { sessionKey: new Secret(KEY.toString()) },
    ...choices,
  };
  const caller = await keyHolder();
  const token = await issuer.token({ cnf: { jkt: caller.thumbprint } });
  const send = async (url: string, claims: Record<string, unknown> = {}) => {
    const dpop = await caller.proof({ token, url }, { claims });
    const headers = { "content-type": "application/json", authorization: `DPoP ${token}`, dpop };
    const answer = await request(url, { method: "POST", body, headers });
    await answer.body.dump();
    return answer;
  };
  return {
    all,
    backend,
    send,
    async [Symbol.asyncDispose]() {
      await backend[Symbol.asyncDispose]();
      await issuer[Symbol.asyncDispose]();
    },
  };
}

const isReady = (url: string) =>
  expect.poll(async () => (await request(`${url}/readyz`)).statusCode, { timeout: 10_000 }).toBe(200);

it("a proof that was used stays used over a reload", async () => {
  await using at = await house();
  const settings = serverSettings(at.all);
  const server = await startServer(settings, silentLog);
  try {
    await isReady(server.url);
    const url = `${server.url}/docs`;
    expect((await at.send(url, { jti: "once" })).statusCode).toBe(200);
    await server.reload(() => serverSettings({ ...at.all, issuers: [{ ...at.all.issuers[0]!, tokenTyp: "strict" }] }));
    await isReady(server.url);
    expect((await at.send(url, { jti: "once" })).statusCode).toBe(401);
    expect((await at.send(url)).statusCode).toBe(200);
    expect(at.backend.seen).toHaveLength(2);
  } finally {
    await server.close();
  }
});

it("T30: where proofs need a nonce, none and a wrong one are told which; a good answer tells the next", async () => {
  await using at = await house({ dpopNonces: true });
  await using server = await startTestServer(at.all);
  await using replica = await startTestServer(at.all);
  await isReady(server.url);
  await isReady(replica.url);
  const url = `${server.url}/docs`;
  for (const nonce of [undefined, "wrong"]) {
    const answer = await at.send(url, { nonce });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe(
      `DPoP error="use_dpop_nonce", algs="ES256 EdDSA Ed25519", resource_metadata="${server.url}/.well-known/oauth-protected-resource/docs"`,
    );
    expect(answer.headers["dpop-nonce"]).toMatch(/^[\w-]{22}$/);
  }
  expect(at.backend.seen).toEqual([]);
  const { headers } = await at.send(url);
  const good = await at.send(url, { nonce: headers["dpop-nonce"] });
  expect(good.statusCode).toBe(200);
  expect(good.headers["dpop-nonce"]).toMatch(/^[\w-]{22}$/);
  // Whatever else is wrong comes first, and a nonce heals nothing.
  const past = await at.send(url, { nonce: headers["dpop-nonce"], iat: 1 });
  expect(past.headers["www-authenticate"]).toContain('error="invalid_dpop_proof"');
  expect(past.headers).not.toHaveProperty("dpop-nonce");
  expect((await at.send(`${replica.url}/docs`, { nonce: good.headers["dpop-nonce"] })).statusCode).toBe(200);
});
