/**
 * Keeps one access token fresh that a machine gets by itself: one attempt at a time shared by everybody, early renewal in
 * the background, a pause after failures. A token that still lives is never given up because its renewal failed.
 */
import { isRefusal, publicMessage, type Duration, type Refusal, type Secret } from "@smcp/core";

import { Failures } from "./failures.ts";
import { hold, isFreshReplacement, momentOf, remainingOf, type Held, type HoldRules } from "./lifetime.ts";
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

export interface KeepRules extends HoldRules {
  /** Called after every attempt. */
  attempted(refusal: Refusal | undefined): void;
}

/** Tokens that come from `grant` and are kept as long as they live. */
export function keptTokens(grant: Grant, rules: KeepRules): Tokens {
  return new Keeper(grant, rules);
}

class Keeper implements Tokens {
  readonly proofs: HoldRules["proofs"];

  readonly #grant: Grant;
  readonly #rules: KeepRules;
  readonly #failures: Failures;
  #held: Held | undefined;
  #attempt: Promise<Secret | Refusal> | undefined;

  constructor(grant: Grant, rules: KeepRules) {
    this.proofs = rules.proofs;
    this.#grant = grant;
    this.#rules = rules;
    this.#failures = new Failures(rules.clock, () => rules.random());
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
    const isDone = held.token !== used || isFreshReplacement(held, this.#rules.clock);
    return isDone ? Promise.resolve(held.token) : this.#renewed(true);
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
    const remaining = this.#held ? this.#remaining(this.#held) : 0;
    const { last } = this.#failures;
    return {
      state: remaining > 0 ? "signed-in" : "signed-out",
      isRenewable: true,
      isLasting: false,
      ...(remaining > 0 && { expiresAt: this.#rules.clock.now() + remaining }),
      ...(last && { problem: publicMessage(last) }),
    };
  }

  #remaining(held: Held): Duration {
    return remainingOf(held, this.#rules.clock);
  }

  /** The attempt under way, or a new one unless the last failure is too recent. */
  #renewed(isReplacement: boolean): Promise<Secret | Refusal> {
    if (this.#attempt) return this.#attempt;
    const failed = this.#failures.current;
    if (failed) return Promise.resolve(failed);
    this.#attempt = this.#try(isReplacement).finally(() => {
      this.#attempt = undefined;
    });
    return this.#attempt;
  }

  async #try(isReplacement: boolean): Promise<Secret | Refusal> {
    const from = momentOf(this.#rules.clock);
    const granted = await this.#grant();
    if ("refusal" in granted) {
      this.#failures.add(granted.refusal, granted.retryAfter);
      this.#rules.attempted(granted.refusal);
      return granted.refusal;
    }
    this.#failures.clear();
    this.#held = hold({ ...granted, from, isReplacement }, this.#rules);
    this.#rules.attempted(undefined);
    return granted.token;
  }
}
