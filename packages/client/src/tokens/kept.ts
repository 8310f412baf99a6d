/**
 * Keeps one access token fresh, whatever flow it comes from: one attempt at a time shared by everybody, early renewal in
 * the background, a pause after failures. A token that still lives is never given up because its renewal failed.
 */
import { isRefusal, publicMessage, type Clock, type Duration, type Refusal, type Secret } from "@smcp/core";

import { backOff } from "../back-off.ts";
import { lifetimeOfJwt, momentOf, since, thresholds, type Moment, type Thresholds } from "./lifetime.ts";
import type { SignInState, Token, TokenChallenge, Tokens } from "./tokens.ts";

/** A token as it was issued. */
export interface Granted {
  readonly token: Secret;
  /** How long it lives from now on; `undefined` where the issuer did not say. */
  readonly lifetime: Duration | undefined;
}

/** Why there is no token. */
export interface GrantRefused {
  readonly refusal: Refusal;
  /** The issuer's OAuth error code, where it answered with one: `invalid_grant`. */
  readonly error?: string;
  /** How long the issuer wants not to be asked again. */
  readonly retryAfter?: Duration;
}

/** One attempt to get a token; bounded in time, never rejects. */
export type Grant = () => Promise<Granted | GrantRefused>;

export interface KeepRules {
  readonly clock: Clock;
  /** How long before its expiry a token must be renewed. */
  readonly delta: Duration;
  /** How long a token is used whose lifetime nobody told. */
  readonly cacheTtl: Duration;
  /** Between 0 and 1. */
  random(): number;
  /** Called after every attempt. */
  attempted(refusal: Refusal | undefined): void;
}

interface Held {
  readonly token: Secret;
  readonly from: Moment;
  readonly lifetime: Duration;
  readonly thresholds: Thresholds;
  /** It was got because the server refused the one before. */
  readonly isReplacement: boolean;
}

interface Failed {
  readonly refusal: Refusal;
  readonly from: Moment;
  readonly pause: Duration;
  readonly count: number;
}

/** A replacement that the server refuses too is not replaced again before this time, or every request would be a grant. */
const REPLACEMENT_PAUSE: Duration = 10_000;
const LONGEST_RETRY_AFTER: Duration = 60_000;

/** Tokens that come from `grant` and are kept as long as they live. */
export function keptTokens(grant: Grant, rules: KeepRules): Tokens {
  return new Keeper(grant, rules);
}

class Keeper implements Tokens {
  readonly #grant: Grant;
  readonly #rules: KeepRules;
  #held: Held | undefined;
  #failed: Failed | undefined;
  #attempt: Promise<Secret | Refusal> | undefined;

  constructor(grant: Grant, rules: KeepRules) {
    this.#grant = grant;
    this.#rules = rules;
  }

  async get(): Promise<Token> {
    const held = this.#held;
    if (!held) return this.#renewed(false);
    const remaining = this.#remaining(held);
    if (remaining > held.thresholds.soft) return held.token;
    const renewal = this.#renewed(false);
    if (remaining > held.thresholds.hard) return held.token;
    const renewed = await renewal;
    return isRefusal(renewed) && this.#remaining(held) > 0 ? held.token : renewed;
  }

  renew(used: Secret | undefined, challenge?: TokenChallenge): Promise<Token> {
    // A machine's scopes are configured: asking again gives the same.
    if (challenge?.error === "insufficient_scope") return Promise.resolve(used);
    const held = this.#held;
    if (!held || this.#remaining(held) <= 0) return this.#renewed(true);
    const isFresh = held.isReplacement && since(held.from, this.#rules.clock) < REPLACEMENT_PAUSE;
    return held.token !== used || isFresh ? Promise.resolve(held.token) : this.#renewed(true);
  }

  /** A machine waits for nobody: its attempt is the answer. */
  async signedIn(): Promise<boolean> {
    return !isRefusal(await this.get());
  }

  /** A machine is never signed out as a person is: what fails is told, and tried again by the next request. */
  onSignedIn(): () => void {
    return () => undefined;
  }

  describe(): SignInState {
    const held = this.#held;
    const remaining = held ? this.#remaining(held) : 0;
    return {
      state: remaining > 0 ? "signed-in" : "signed-out",
      isRenewable: true,
      isLasting: false,
      ...(remaining > 0 && { expiresAt: this.#rules.clock.now() + remaining }),
      ...(this.#failed && { problem: publicMessage(this.#failed.refusal) }),
    };
  }

  #remaining(held: Held): Duration {
    return held.lifetime - since(held.from, this.#rules.clock);
  }

  /** The attempt under way, or a new one unless the last failure is too recent. */
  #renewed(isReplacement: boolean): Promise<Secret | Refusal> {
    if (this.#attempt) return this.#attempt;
    const failed = this.#failed;
    if (failed && since(failed.from, this.#rules.clock) < failed.pause) return Promise.resolve(failed.refusal);
    this.#attempt = this.#try(isReplacement).finally(() => {
      this.#attempt = undefined;
    });
    return this.#attempt;
  }

  async #try(isReplacement: boolean): Promise<Secret | Refusal> {
    const { clock, delta, cacheTtl } = this.#rules;
    // Before the request: the issuer counts from when it answered, and may have answered late.
    const from = momentOf(clock);
    const granted = await this.#grant();
    if ("refusal" in granted) {
      this.#fail(granted);
      this.#rules.attempted(granted.refusal);
      return granted.refusal;
    }
    const lifetime = granted.lifetime ?? lifetimeOfJwt(granted.token.reveal()) ?? cacheTtl;
    this.#failed = undefined;
    this.#held = {
      token: granted.token,
      from,
      lifetime,
      thresholds: thresholds(lifetime, delta, this.#rules.random()),
      isReplacement,
    };
    this.#rules.attempted(undefined);
    return granted.token;
  }

  #fail({ refusal, retryAfter = 0 }: GrantRefused): void {
    const count = (this.#failed?.count ?? 0) + 1;
    const pause = Math.max(backOff(count, this.#rules.random()), Math.min(retryAfter, LONGEST_RETRY_AFTER));
    this.#failed = { refusal, from: momentOf(this.#rules.clock), pause, count };
  }
}
