/** Shared tokens over a store, an issuer and a person in a test's hands. */
import { refuse, Secret, type Refusal } from "@smcp/core";
import { expect } from "vitest";

import type { PendingSignIn, SignInPort, SignInReason } from "../src/sign-in/sign-in.ts";
import { memoryStore } from "../src/store/memory.ts";
import type { SessionStore } from "../src/store/store.ts";
import type { GrantRefused } from "../src/tokens/kept.ts";
import type { Session } from "../src/tokens/session.ts";
import { sharedTokens } from "../src/tokens/shared.ts";
import type { Token, Tokens } from "../src/tokens/tokens.ts";
import { TestClock } from "./clock.ts";
import { sampleSession } from "./state-folder.ts";

export const MINUTE = 60_000;
export const AWAY: GrantRefused = { refusal: refuse("ISSUER_AWAY") };
export const INVALID: GrantRefused = { refusal: refuse("SIGN_IN_REFUSED", { reason: "gone" }), error: "invalid_grant" };
export const DECLINED = refuse("SIGN_IN_REFUSED", { reason: "the sign-in was declined" });

/** An issuer and a person in a test's hands. Tokens are numbered by the refresh that made them. */
class Issuer implements SignInPort {
  readonly clock: TestClock;
  /** The refresh tokens that were used. */
  readonly refreshed: string[] = [];
  readonly begun: SignInReason[] = [];
  /** How the next refreshes end; without one the issuer issues. */
  readonly outcomes: (GrantRefused | "no refresh token")[] = [];
  /** Answers wait for it. */
  gate: Promise<void> = Promise.resolve();
  lifetime = 10 * MINUTE;
  #finish: ((outcome: Session | Refusal) => void) | undefined;

  constructor(clock: TestClock) {
    this.clock = clock;
  }

  async refresh(session: Session): Promise<Session | GrantRefused> {
    this.refreshed.push(session.refreshToken?.reveal() ?? "none");
    const n = this.refreshed.length;
    await this.gate;
    const outcome = this.outcomes.shift();
    if (outcome !== undefined && outcome !== "no refresh token") return outcome;
    return this.session(`r${n}`, { refreshToken: outcome ? session.refreshToken : new Secret(`refresh-r${n}`) });
  }

  begin(why: SignInReason): Promise<PendingSignIn | Refusal> {
    this.begun.push(why);
    const { promise: done, resolve } = Promise.withResolvers<Session | Refusal>();
    this.#finish = resolve;
    const expiresAt = this.clock.wall + 5 * MINUTE;
    const url = "https://idp.example.com/device";
    return Promise.resolve({ url, code: "WDJB-MJHT", expiresAt, isOurs: true, done });
  }

  /** The person signs in, or does not. */
  async finish(outcome: Session | Refusal): Promise<void> {
    this.#finish?.(outcome);
    await turn();
  }

  session(name: string, changes: Partial<Session> = {}): Session {
    return sampleSession({
      accessToken: new Secret(`access-${name}`),
      refreshToken: new Secret(`refresh-${name}`),
      obtainedAt: this.clock.wall,
      lifetime: this.lifetime,
      ...changes,
    });
  }
}

interface Bench {
  readonly tokens: Tokens;
  readonly issuer: Issuer;
  readonly clock: TestClock;
  readonly store: SessionStore;
  readonly attempts: (Refusal | undefined)[];
}

interface Start {
  readonly store?: SessionStore;
  readonly clock?: TestClock;
  readonly issuer?: Issuer;
  readonly isNeeded?: boolean;
}

export function bench({
  store = memoryStore(),
  clock = new TestClock(),
  issuer = new Issuer(clock),
  isNeeded = true,
}: Start = {}): Bench {
  const attempts: (Refusal | undefined)[] = [];
  const tokens = sharedTokens(() => Promise.resolve(store), issuer, {
    clock,
    delta: 30_000,
    cacheTtl: 5 * MINUTE,
    random: () => 0.5,
    isNeeded,
    attempted: (refusal) => void attempts.push(refusal),
    pending: ({ url, code }) => refuse("SIGN_IN_PENDING", { reason: `open ${url} and enter ${code}` }),
  });
  return { tokens, issuer, clock, store, attempts };
}

/** With a session in the store, obtained now. */
export async function signedIn(start: Start = {}, changes: Partial<Session> = {}): Promise<Bench> {
  const b = bench(start);
  await b.store.write(b.issuer.session("0", changes));
  expect(await get(b)).toBe("access-0");
  return b;
}

/** Lets continuations run. */
export async function turn(): Promise<void> {
  for (let n = 0; n < 20; n++) await new Promise(setImmediate);
}

export function shown(token: Token): string {
  return token instanceof Secret ? token.reveal() : (token?.refused ?? "none");
}

export async function get(b: Bench): Promise<string> {
  return shown(await b.tokens.get());
}
