import { readdirSync } from "node:fs";

import { isRefusal, silentLog, type Clock } from "@smcp/core";
import { expect, test, vi } from "vitest";

import { Attempts, refusalIn } from "../src/sign-in/attempt.ts";
import { placeOf } from "../src/store/place.ts";
import { comeBack, quiet } from "./by-hand.ts";
import { say } from "./fake-issuer.ts";
import { startFakeProvider } from "./fake-provider.ts";
import { errorIn, startInFront, startProtected } from "./protected.ts";
import { settingsFor } from "./settings.ts";
import { scratchFolder } from "./state-folder.ts";

const WAIT = { timeout: 20_000, interval: 50 };

function shared(): { readonly tokenStore: "file"; readonly stateFolder: string } {
  return { tokenStore: "file", stateFolder: scratchFolder() };
}

test("four clients of a profile with many requests at once are one sign-in, one page, and all go on after it", async () => {
  const { url, issuer } = await startProtected();
  const person = quiet();
  const kept = shared();
  const clients = await Promise.all(
    Array.from({ length: 4 }, () => startInFront(url, { ...kept, oidc: { flow: "browser" } }, person)),
  );
  const answers = await Promise.all(clients.flatMap(({ call }) => Array.from({ length: 10 }, call)));
  const addresses = answers.map((one) => /open (\S+)/.exec(errorIn(one).message)?.[1]);
  expect([...new Set(addresses)]).toEqual([addresses[0]]);
  expect(person.opened).toEqual([addresses[0]]);
  person.visits = true;
  await person.open(new URL(addresses[0] ?? ""));
  for (const { call } of clients) {
    await vi.waitFor(async () => expect(errorIn(await call())).toBeUndefined(), WAIT);
  }
  expect(issuer.requestsTo("/token")).toBe(1);
  const attempts = (): string[] => readdirSync(kept.stateFolder).filter((one) => one.endsWith(".attempt.json"));
  await vi.waitFor(() => expect(attempts()).toEqual([]), WAIT);
});

test("a person's no is everybody's: others of the profile do not ask again at once", async () => {
  const { url, issuer } = await startProtected();
  issuer.answer = "decline";
  const kept = shared();
  const first = await startInFront(url, kept);
  await first.call();
  const declined = { code: 40102, message: `the sign-in at ${new URL(issuer.url).host} was declined` };
  await vi.waitFor(async () => expect(errorIn(await first.call())).toMatchObject(declined), WAIT);
  const second = await startInFront(url, kept);
  expect(errorIn(await second.call())).toMatchObject(declined);
  expect(second.person.opened).toEqual([]);
});

test("after three attempts that nobody finished no browser is opened, what to do is still shown", async () => {
  await using provider = await startFakeProvider();
  const kept = shared();
  const attempts = new Attempts(
    placeOf(settingsFor(provider.server, { ...kept, oidc: { clientId: "x" } })),
    CLOCK,
    silentLog,
  );
  const claim = await attempts.claim();
  if (!("end" in claim)) throw new Error("the attempt is somebody else's");
  await claim.end({ unanswered: 3 });
  const person = quiet();
  const { call } = await startInFront(provider.server, { ...kept, oidc: { clientId: "x" } }, person);
  expect(errorIn(await call()).code).toBe(40101);
  expect(person.opened).toEqual([]);
  expect(person.prompts).toHaveLength(1);
});

const CLOCK: Clock = { now: () => Date.now(), elapsed: () => performance.now() };

test("an attempt is one process's; it is taken from the dead, and from who does not end", async () => {
  const place = placeOf(settingsFor("http://127.0.0.1:1", shared()));
  let ahead = 0;
  const clock: Clock = { now: () => Date.now() + ahead, elapsed: () => performance.now() };
  const first = new Attempts(place, clock, silentLog);
  const second = new Attempts(place, clock, silentLog);
  const claim = await first.claim();
  if (!("end" in claim)) throw new Error("the attempt is somebody else's");
  const shown = { url: "https://idp.example.com/", code: "AB", expiresAt: clock.now() + 300_000 };
  await claim.publish(shown);
  expect(await second.claim()).toMatchObject({ nonce: claim.record.nonce, shown });
  ahead = 300_000 + 61_000;
  const taken = await second.claim();
  expect("end" in taken).toBe(true);
  // Who ends late does not end the other's.
  await claim.end({
    unanswered: 1,
    last: { nonce: claim.record.nonce, at: 0, refused: "SIGN_IN_REFUSED", reason: "late" },
  });
  expect(await second.current()).toMatchObject({ nonce: "record" in taken ? taken.record.nonce : "" });
  const refusal = refusalIn(await second.history(), claim.record.nonce);
  expect(isRefusal(refusal) && refusal.facts).toEqual({ reason: "late" });
});

test("insufficient_scope is one step-up with the union of scopes; refused again, it is told and nobody is asked twice", async () => {
  await using provider = await startFakeProvider();
  provider.resource = { scopes_supported: ["docs:read"] };
  const person = quiet();
  const { call } = await startInFront(provider.server, { oidc: { clientId: "x" } }, person);
  await call();
  const first = await comeBack(provider, person.opened[0]);
  expect(first.get("scope")).toBe("docs:read");
  await vi.waitFor(async () => expect(errorIn(await call())).toBeUndefined(), WAIT);
  const missing = 'error="insufficient_scope", scope="docs:write"';
  provider.judge = () => missing;
  provider.grant = (_, response) => {
    const token = { access_token: `more-${provider.grants.length}`, token_type: "Bearer", expires_in: 600 };
    say(response, 200, { ...token, scope: "docs:read docs:write" });
    return true;
  };
  const pending = errorIn(await call());
  expect(pending.code).toBe(40101);
  expect(person.opened).toHaveLength(2);
  const second = await comeBack(provider, person.opened[1]);
  expect(second.get("scope")?.split(" ").toSorted()).toEqual(["docs:read", "docs:write"]);
  await vi.waitFor(async () => expect(errorIn(await call()).code).toBe(40102), WAIT);
  for (let n = 0; n < 3; n++) expect(errorIn(await call()).code).toBe(40102);
  expect(person.opened).toHaveLength(2);
});
