import { refuse, type Secret } from "@smcp/core";
import { expect, test } from "vitest";

import { bench, DECLINED, get, shown, signedIn, turn } from "./shared-bench.ts";

test("signed out, every request is told what to open; the sign-in is kept, and serves all from then on", async () => {
  const b = bench();
  const calls: string[] = [];
  const stop = b.tokens.onSignedIn(() => calls.push("in"));
  const refused = await b.tokens.get();
  expect(refused).toEqual(
    refuse("SIGN_IN_PENDING", { reason: "open https://idp.example.com/device and enter WDJB-MJHT" }),
  );
  const waiting = [b.tokens.signedIn(20_000), b.tokens.signedIn(20_000)];
  await turn();
  expect(b.tokens.describe()).toMatchObject({ state: "signing-in", code: "WDJB-MJHT" });
  await b.issuer.finish(b.issuer.session("1"));
  expect(await Promise.all(waiting)).toEqual([true, true]);
  expect(calls).toEqual(["in"]);
  expect(await get(b)).toBe("access-1");
  expect((await b.store.read())?.accessToken.reveal()).toBe("access-1");
  expect(await b.tokens.signedIn(0)).toBe(true);
  stop();
});

test("a sign-in that ends in another process is noticed while somebody waits", async () => {
  const b = bench();
  expect(await get(b)).toBe("SIGN_IN_PENDING");
  const calls: string[] = [];
  const stop = b.tokens.onSignedIn(() => calls.push("in"));
  const waiting = b.tokens.signedIn(20_000);
  await turn();
  await b.store.write(b.issuer.session("elsewhere"));
  expect(await waiting).toBe(true);
  expect([calls, await get(b)]).toEqual([["in"], "access-elsewhere"]);
  stop();
});

test("nobody waits longer than they want, and not for somebody who declined", async () => {
  const b = bench();
  expect(await b.tokens.signedIn(1)).toBe(false);
  const waiting = b.tokens.signedIn(20_000);
  await turn();
  await b.issuer.finish(DECLINED);
  expect(await waiting).toBe(false);
  expect(await b.tokens.get()).toEqual(DECLINED);
  expect(b.tokens.describe()).toEqual({ state: "signed-out", isLasting: false, problem: "the sign-in was declined" });
});

test("a session that another process wrote since a sign-in is not written over", async () => {
  const b = bench();
  await get(b);
  const mine = b.issuer.session("mine");
  b.clock.pass(1_000);
  await b.store.write(b.issuer.session("newer"));
  await b.issuer.finish(mine);
  expect([await get(b), (await b.store.read())?.accessToken.reveal()]).toEqual(["access-newer", "access-newer"]);
});

test("where nobody asked for a sign-in nothing is sent, and nobody is asked before the server does", async () => {
  const b = bench({ isNeeded: false });
  expect(await get(b)).toBe("none");
  expect(b.tokens.describe()).toMatchObject({ state: "unneeded" });
  const challenge = { scope: "openid mcp", metadata: "https://mcp.example.com/.well-known/x" };
  expect(shown(await b.tokens.renew(undefined, challenge))).toBe("SIGN_IN_PENDING");
  expect(b.issuer.begun).toEqual([{ scopes: ["openid", "mcp"], metadata: challenge.metadata }]);
  expect(await get(b)).toBe("SIGN_IN_PENDING");
});

test("a refused token is replaced once, however many were refused with it; a refused replacement is not", async () => {
  const b = await signedIn();
  const used = (await b.tokens.get()) as Secret;
  const all = await Promise.all(Array.from({ length: 50 }, () => b.tokens.renew(used, { error: "invalid_token" })));
  expect(new Set(all.map(shown))).toEqual(new Set(["access-r1"]));
  const [replacement] = all as [Secret];
  expect(await b.tokens.renew(replacement)).toBe(replacement);
  expect(b.issuer.refreshed).toHaveLength(1);
});

test("a refused token without a refresh token asks a person, and is not sent meanwhile", async () => {
  const b = await signedIn({}, { refreshToken: undefined });
  const used = (await b.tokens.get()) as Secret;
  expect(shown(await b.tokens.renew(used, { error: "invalid_token" }))).toBe("SIGN_IN_PENDING");
  expect(await get(b)).toBe("SIGN_IN_PENDING");
  await b.issuer.finish(b.issuer.session("1"));
  expect(await get(b)).toBe("access-1");
});

test("a missing scope asks a person once for it; the token serves everything else meanwhile", async () => {
  const b = await signedIn({}, { scopes: ["openid"] });
  const used = (await b.tokens.get()) as Secret;
  const challenge = { error: "insufficient_scope", scope: "openid write" };
  const refused = await Promise.all([b.tokens.renew(used, challenge), b.tokens.renew(used, challenge)]);
  expect(refused.map(shown)).toEqual(["SIGN_IN_PENDING", "SIGN_IN_PENDING"]);
  expect(b.issuer.begun).toEqual([{ scopes: ["openid", "write"], metadata: undefined, isStepUp: true }]);
  expect(await get(b)).toBe("access-0");
  b.clock.pass(1_000);
  await b.issuer.finish(b.issuer.session("1", { scopes: ["openid"] }));
  const next = (await b.tokens.get()) as Secret;
  expect(next.reveal()).toBe("access-1");
  // The issuer did not grant it: nobody is asked again.
  expect(await b.tokens.renew(next, challenge)).toBe(next);
  expect(b.issuer.begun).toHaveLength(1);
  expect(b.issuer.refreshed).toEqual([]);
});
