import { refuse, Secret } from "@smcp/core";
import { expect, test } from "vitest";

import { keptTokens, type Granted, type GrantRefused } from "../src/tokens/kept.ts";
import { lifetimeOfJwt, thresholds } from "../src/tokens/lifetime.ts";
import type { Token, Tokens } from "../src/tokens/tokens.ts";
import { TestClock } from "./clock.ts";

const MINUTE = 60_000;
const AWAY: GrantRefused = { refusal: refuse("ISSUER_AWAY") };

interface Bench {
  readonly tokens: Tokens;
  readonly clock: TestClock;
  /** How often a token was asked for. */
  readonly asked: () => number;
  /** Answers all attempts under way. */
  readonly answer: (outcome?: GrantRefused) => Promise<void>;
  lifetime: number | undefined;
  token: (n: number) => string;
}

function bench(lifetime: number | undefined): Bench {
  const clock = new TestClock();
  const waiting: ((outcome: Granted | GrantRefused) => void)[] = [];
  let asked = 0;
  const self: Bench = {
    clock,
    lifetime,
    token: (n) => `token-${n}`,
    asked: () => asked,
    answer: async (outcome) => {
      const granted = { token: new Secret(self.token(asked)), lifetime: self.lifetime };
      for (const resolve of waiting.splice(0)) resolve(outcome ?? granted);
      // The keeper's own continuations run before the test goes on.
      await new Promise(setImmediate);
    },
    tokens: keptTokens(
      () => {
        asked++;
        return new Promise((resolve) => {
          waiting.push(resolve);
        });
      },
      { clock, delta: 30_000, cacheTtl: 5 * MINUTE, random: () => 0.5, attempted: () => undefined },
    ),
  };
  return self;
}

function shown(token: Token): string {
  return token instanceof Secret ? token.reveal() : (token?.refused ?? "none");
}

async function get(b: Bench): Promise<string> {
  return shown(await b.tokens.get());
}

function unsigned(claims: unknown): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
}

/** A first token, held. */
async function signedIn(lifetime: number | undefined): Promise<Bench> {
  const b = bench(lifetime);
  const first = get(b);
  await b.answer();
  expect(await first).toBe("token-1");
  return b;
}

test("100 callers at the start and 100 at expiry are one token request each", async () => {
  const b = bench(10 * MINUTE);
  const first = Promise.all(Array.from({ length: 100 }, () => get(b)));
  await b.answer();
  expect(new Set(await first)).toEqual(new Set(["token-1"]));
  b.clock.pass(10 * MINUTE);
  const second = Promise.all(Array.from({ length: 100 }, () => get(b)));
  await b.answer();
  expect(new Set(await second)).toEqual(new Set(["token-2"]));
  expect(b.asked()).toBe(2);
});

test("far from its end a token is handed out without asking", async () => {
  const b = await signedIn(10 * MINUTE);
  b.clock.pass(7 * MINUTE);
  expect(await get(b)).toBe("token-1");
  expect(b.asked()).toBe(1);
});

test("near its end a token is renewed in the background and handed out meanwhile", async () => {
  const b = await signedIn(10 * MINUTE);
  b.clock.pass(8.5 * MINUTE);
  expect(await get(b)).toBe("token-1");
  expect(await get(b)).toBe("token-1");
  expect(b.asked()).toBe(2);
  await b.answer();
  expect(await get(b)).toBe("token-2");
  expect(b.asked()).toBe(2);
});

test("30 s before its end nobody gets a token before it was tried to renew it", async () => {
  const b = await signedIn(10 * MINUTE);
  b.clock.pass(9.5 * MINUTE);
  const token = get(b);
  await b.answer();
  expect(await token).toBe("token-2");
});

test("a token that still lives is used while its renewal fails, until its very end", async () => {
  const b = await signedIn(10 * MINUTE);
  for (const left of [90_000, 29_000, 1]) {
    b.clock.pass(10 * MINUTE - left - (b.clock.steady - 5_000));
    const token = get(b);
    await b.answer(AWAY);
    expect(await token).toBe("token-1");
    expect(await get(b)).toBe("token-1");
  }
  b.clock.pass(1 + MINUTE);
  const token = get(b);
  await b.answer(AWAY);
  expect(await token).toBe("ISSUER_AWAY");
});

test("a failure is remembered: no second attempt at once, longer pauses after each, forgotten after a success", async () => {
  const b = bench(10 * MINUTE);
  const pauses: number[] = [];
  for (let n = 1; n <= 7; n++) {
    const first = get(b);
    await b.answer(AWAY);
    expect(await first).toBe("ISSUER_AWAY");
    expect(b.asked()).toBe(n);
    let pause = 0;
    while (b.asked() === n) {
      pause += 125;
      b.clock.pass(125);
      const next = get(b);
      if (b.asked() === n) expect(await next).toBe("ISSUER_AWAY");
    }
    pauses.push(pause);
  }
  // Five eighths of 1, 2, 4, … 30 s, in steps of an eighth.
  expect(pauses).toEqual([625, 1_250, 2_500, 5_000, 10_000, 18_750, 18_750]);
  await b.answer();
  expect(await get(b)).toBe("token-8");
});

test("an issuer that names a time is left in peace for it, at most a minute", async () => {
  for (const [asked, kept] of [
    [10_000, 10_000],
    [1e9, MINUTE],
  ] as const) {
    const b = bench(10 * MINUTE);
    const first = get(b);
    await b.answer({ ...AWAY, retryAfter: asked });
    await first;
    b.clock.pass(kept - 1);
    expect(await get(b)).toBe("ISSUER_AWAY");
    expect(b.asked()).toBe(1);
    b.clock.pass(1);
    void get(b);
    expect(b.asked()).toBe(2);
  }
});

test("a laptop that slept, or whose clock was set, does not use an old token", async () => {
  const asleep = await signedIn(10 * MINUTE);
  asleep.clock.wall += 60 * MINUTE;
  void get(asleep);
  expect(asleep.asked()).toBe(2);
  const setBack = await signedIn(10 * MINUTE);
  setBack.clock.wall -= 24 * 60 * MINUTE;
  expect(await get(setBack)).toBe("token-1");
  setBack.clock.steady += 10 * MINUTE;
  void get(setBack);
  expect(setBack.asked()).toBe(2);
});

test("a token of 20 s is not renewed on every request", async () => {
  const b = await signedIn(20_000);
  b.clock.pass(9_000);
  expect(await get(b)).toBe("token-1");
  expect(b.asked()).toBe(1);
  b.clock.pass(2_000);
  expect(await get(b)).toBe("token-1");
  expect(b.asked()).toBe(2);
});

test("without a lifetime that of the JWT counts, whatever this machine's clock says, else the cache TTL", async () => {
  const jwt = await signedIn(10 * MINUTE);
  const claims = { iat: 1_000, exp: 1_000 + 120 };
  jwt.lifetime = undefined;
  jwt.token = () => unsigned(claims);
  jwt.clock.pass(10 * MINUTE);
  const second = get(jwt);
  await jwt.answer();
  await second;
  jwt.clock.pass(50_000);
  await get(jwt);
  expect(jwt.asked()).toBe(2);
  jwt.clock.pass(40_000);
  void get(jwt);
  expect(jwt.asked()).toBe(3);

  const opaque = await signedIn(undefined);
  opaque.clock.pass(3 * MINUTE);
  await get(opaque);
  expect(opaque.asked()).toBe(1);
  opaque.clock.pass(2 * MINUTE);
  void get(opaque);
  expect(opaque.asked()).toBe(2);
});

test("a refused token is renewed once, however many were refused with it", async () => {
  const b = await signedIn(10 * MINUTE);
  const used = (await b.tokens.get()) as Secret;
  const renewed = Promise.all(Array.from({ length: 50 }, () => b.tokens.renew(used)));
  await b.answer();
  expect(new Set((await renewed).map(shown))).toEqual(new Set(["token-2"]));
  expect(shown(await b.tokens.renew(used))).toBe("token-2");
  expect(b.asked()).toBe(2);
});

test("a replacement that is refused too is not replaced at once, later it is", async () => {
  const b = await signedIn(10 * MINUTE);
  const renewal = b.tokens.renew((await b.tokens.get()) as Secret);
  await b.answer();
  const replacement = (await renewal) as Secret;
  expect(await b.tokens.renew(replacement)).toBe(replacement);
  b.clock.pass(11_000);
  const again = b.tokens.renew(replacement);
  await b.answer();
  expect(shown(await again)).toBe("token-3");
});

test("thresholds: a tenth to and fro, a quarter of a short life, never more than half", () => {
  expect(thresholds(600_000, 30_000, 0.5)).toEqual({ hard: 30_000, soft: 120_000 });
  expect(thresholds(600_000, 30_000, 0).soft).toBeCloseTo(108_000);
  expect(thresholds(600_000, 30_000, 1).soft).toBeCloseTo(132_000);
  expect(thresholds(60_000, 30_000, 0.5)).toEqual({ hard: 15_000, soft: 30_000 });
  expect(thresholds(61_000, 30_000, 0.5)).toEqual({ hard: 30_000, soft: 30_500 });
  expect(thresholds(0, 30_000, 0.5)).toEqual({ hard: 0, soft: 0 });
});

test("what is no JWT with both times has no lifetime", () => {
  expect(lifetimeOfJwt(unsigned({ iat: 10, exp: 70 }))).toBe(60_000);
  for (const token of [
    "opaque",
    "a.b.c",
    "a.e30",
    unsigned({ exp: 70 }),
    unsigned({ iat: 70, exp: 10 }),
    unsigned({ iat: "1", exp: 2 }),
    unsigned(null),
  ]) {
    expect(lifetimeOfJwt(token)).toBeUndefined();
  }
});

test("a missing scope is not asked for again: a machine's scopes are configured", async () => {
  const b = await signedIn(10 * MINUTE);
  const used = (await b.tokens.get()) as Secret;
  expect(await b.tokens.renew(used, { error: "insufficient_scope", scope: "write" })).toBe(used);
  expect(b.asked()).toBe(1);
});

test("what it tells of itself holds no token", async () => {
  const b = await signedIn(10 * MINUTE);
  expect(b.tokens.describe()).toEqual({
    state: "signed-in",
    isRenewable: true,
    isLasting: false,
    expiresAt: b.clock.wall + 10 * MINUTE,
  });
  expect(await b.tokens.signedIn(0)).toBe(true);
  const away = bench(10 * MINUTE);
  const first = away.tokens.signedIn(0);
  await away.answer(AWAY);
  expect(await first).toBe(false);
  expect(away.tokens.describe()).toEqual({
    state: "signed-out",
    isRenewable: true,
    isLasting: false,
    problem: "the identity provider cannot be reached",
  });
});
