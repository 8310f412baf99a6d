import { writeFileSync } from "node:fs";

import { expect, test } from "vitest";

import { FileStore } from "../src/store/file-store.ts";
import { sessionFile } from "../src/store/place.ts";
import { TestClock } from "./clock.ts";
import { keepLog } from "./log.ts";
import { AWAY, bench, get, INVALID, MINUTE, signedIn, turn } from "./shared-bench.ts";
import { placeIn, scratchFolder } from "./state-folder.ts";

test("what the store has is used without asking anybody", async () => {
  const b = await signedIn();
  b.clock.pass(7 * MINUTE);
  expect(await get(b)).toBe("access-0");
  expect([b.issuer.refreshed, b.issuer.begun]).toEqual([[], []]);
});

test("near its end a token is renewed in the background and handed out meanwhile; the new one is in the store", async () => {
  const b = await signedIn();
  b.clock.pass(8.5 * MINUTE);
  expect(await get(b)).toBe("access-0");
  await turn();
  expect(await get(b)).toBe("access-r1");
  expect(b.issuer.refreshed).toEqual(["refresh-0"]);
  expect((await b.store.read())?.refreshToken?.reveal()).toBe("refresh-r1");
  expect(b.attempts).toEqual([undefined]);
});

test("L11: 50 requests at its end are one refresh, which all of them wait for", async () => {
  const b = await signedIn();
  b.clock.pass(10 * MINUTE);
  const all = await Promise.all(Array.from({ length: 50 }, () => get(b)));
  expect(new Set(all)).toEqual(new Set(["access-r1"]));
  expect(b.issuer.refreshed).toHaveLength(1);
});

test("a laptop that slept through the end of the token refreshes first; one whose clock was set back goes on", async () => {
  const asleep = await signedIn();
  asleep.clock.wall += 60 * MINUTE;
  expect(await get(asleep)).toBe("access-r1");
  const setBack = await signedIn();
  setBack.clock.wall -= 24 * 60 * MINUTE;
  expect(await get(setBack)).toBe("access-0");
  setBack.clock.steady += 10 * MINUTE;
  expect(await get(setBack)).toBe("access-r1");
});

test("an answer without a refresh token keeps the old one", async () => {
  const b = await signedIn();
  b.issuer.outcomes.push("no refresh token");
  b.clock.pass(10 * MINUTE);
  expect(await get(b)).toBe("access-r1");
  b.clock.pass(10 * MINUTE);
  expect(await get(b)).toBe("access-r2");
  expect(b.issuer.refreshed).toEqual(["refresh-0", "refresh-0"]);
});

test("L11: an issuer that is away for an hour: the token serves to its end, then a clean refusal, then it goes on by itself", async () => {
  const b = await signedIn();
  b.issuer.outcomes.push(...Array.from({ length: 1_000 }, () => AWAY));
  const seen: string[] = [];
  for (let n = 0; n < 120; n++) {
    b.clock.pass(30_000);
    seen.push(await get(b));
    await turn();
  }
  expect(seen.slice(0, 19)).toEqual(Array.from({ length: 19 }, () => "access-0"));
  expect(new Set(seen.slice(20))).toEqual(new Set(["ISSUER_AWAY"]));
  expect(b.issuer.begun).toEqual([]);
  b.issuer.outcomes.length = 0;
  b.clock.pass(30_000);
  expect(await get(b)).toMatch(/^access-r\d+$/);
  expect(new Set(b.issuer.refreshed)).toEqual(new Set(["refresh-0"]));
});

test("a token that is found with seconds to live serves them where nothing can renew it", async () => {
  for (const changes of [{}, { refreshToken: undefined }]) {
    const b = bench();
    await b.store.write(b.issuer.session("0", changes));
    b.issuer.outcomes.push(AWAY, AWAY);
    b.clock.pass(9.9 * MINUTE);
    expect([await get(b), await get(b)]).toEqual(["access-0", "access-0"]);
    expect(b.issuer.begun).toEqual([]);
  }
});

test("L11: a slow issuer holds nobody up while the token lives, and 100 requests after a failure are no attempt", async () => {
  const b = await signedIn();
  const gate = Promise.withResolvers<void>();
  b.issuer.gate = gate.promise;
  b.issuer.outcomes.push({ ...AWAY, retryAfter: 20_000 });
  b.clock.pass(8.5 * MINUTE);
  for (let n = 0; n < 50; n++) expect(await get(b)).toBe("access-0");
  gate.resolve();
  await turn();
  b.clock.pass(19_000);
  for (let n = 0; n < 50; n++) expect(await get(b)).toBe("access-0");
  await turn();
  expect(b.issuer.refreshed).toHaveLength(1);
  b.clock.pass(2_000);
  await get(b);
  await turn();
  expect(await get(b)).toBe("access-r2");
});

test("a refused refresh token leaves the access token to its end, is tried once more then, and only then is a person asked", async () => {
  const b = await signedIn();
  b.issuer.outcomes.push(INVALID, INVALID);
  b.clock.pass(8.5 * MINUTE);
  for (let n = 0; n < 10; n++) {
    expect(await get(b)).toBe("access-0");
    await turn();
    b.clock.pass(5_000);
  }
  expect([b.issuer.refreshed.length, b.issuer.begun.length]).toEqual([1, 0]);
  b.clock.pass(2 * MINUTE);
  expect(await get(b)).toBe("SIGN_IN_PENDING");
  expect(await get(b)).toBe("SIGN_IN_PENDING");
  expect([b.issuer.refreshed.length, b.issuer.begun.length]).toEqual([2, 2]);
  expect(await b.store.exists()).toBe(true);
});

test("a refresh token that was refused early and is taken at the end was worth the second try", async () => {
  const b = await signedIn();
  b.issuer.outcomes.push(INVALID);
  b.clock.pass(8.5 * MINUTE);
  await get(b);
  await turn();
  b.clock.pass(2 * MINUTE);
  expect(await get(b)).toBe("access-r2");
});

test("a refused refresh token is no matter where another process stored a newer one", async () => {
  const b = await signedIn();
  b.clock.pass(10 * MINUTE);
  const gate = Promise.withResolvers<void>();
  b.issuer.gate = gate.promise;
  b.issuer.outcomes.push(INVALID);
  const token = get(b);
  await turn();
  await b.store.write(b.issuer.session("elsewhere"));
  gate.resolve();
  expect(await token).toBe("access-elsewhere");
  expect(b.issuer.begun).toEqual([]);
});

test("without a refresh token the access token is used to its end, then a person is asked once", async () => {
  const b = await signedIn({}, { refreshToken: undefined });
  b.clock.pass(9.9 * MINUTE);
  expect(await get(b)).toBe("access-0");
  expect(b.issuer.begun).toEqual([]);
  b.clock.pass(MINUTE);
  expect(await get(b)).toBe("SIGN_IN_PENDING");
  expect(b.issuer.begun).toEqual([{}]);
});

test("two processes: what one renewed the other takes from the store, without asking the issuer", async () => {
  const clock = new TestClock();
  const store = new FileStore(placeIn(scratchFolder()), undefined, keepLog());
  const first = await signedIn({ clock, store });
  const second = bench({ clock, store, issuer: first.issuer });
  expect(await get(second)).toBe("access-0");
  clock.pass(10 * MINUTE);
  const all = await Promise.all(Array.from({ length: 100 }, (_, n) => get(n % 2 === 0 ? first : second)));
  expect(new Set(all)).toEqual(new Set(["access-r1"]));
  expect(first.issuer.refreshed).toEqual(["refresh-0"]);
});

test("a file that breaks while its token lives is mended by the next renewal", async () => {
  const place = placeIn(scratchFolder());
  const store = new FileStore(place, undefined, keepLog());
  const b = await signedIn({ store });
  writeFileSync(sessionFile(place), '{"v":1,');
  b.clock.pass(6_000);
  expect(await get(b)).toBe("access-0");
  b.clock.pass(10 * MINUTE);
  expect(await get(b)).toBe("access-r1");
  expect((await store.read())?.refreshToken?.reveal()).toBe("refresh-r1");
});

test("a sign-out elsewhere ends it here within seconds; the tokens that were held are not used again", async () => {
  const b = await signedIn();
  await b.store.remove();
  b.clock.pass(5_000);
  await get(b);
  await turn();
  expect(await get(b)).toBe("SIGN_IN_PENDING");
  expect(b.issuer.refreshed).toEqual([]);
});

test("another account's sign-in elsewhere is taken within seconds", async () => {
  const b = await signedIn();
  b.clock.pass(5_000);
  await b.store.write(b.issuer.session("bob", { subject: "bob" }));
  await get(b);
  await turn();
  expect(await get(b)).toBe("access-bob");
  expect(b.tokens.describe()).toMatchObject({ state: "signed-in", subject: "bob" });
});

test("a token without a lifetime is used as long as the cache says", async () => {
  const b = await signedIn({}, { lifetime: undefined });
  b.clock.pass(3 * MINUTE);
  expect(await get(b)).toBe("access-0");
  b.clock.pass(2 * MINUTE);
  expect(await get(b)).toBe("access-r1");
});

test("what it tells of itself holds no token", async () => {
  const b = await signedIn();
  const state = b.tokens.describe();
  expect(state).toEqual({
    state: "signed-in",
    issuer: "https://idp.example.com",
    clientId: "laptop",
    scopes: ["openid", "offline_access"],
    subject: "alice",
    name: "Alice",
    email: "alice@example.com",
    expiresAt: b.clock.wall + 10 * MINUTE,
    isRenewable: true,
    isLasting: false,
  });
});
