/** Where access tokens come from: the port behind which every way to sign in stands, one file each. */
import type { Duration, Refusal, Secret } from "@smcp/core";

import type { Proofs } from "./dpop-proofs.ts";

/** A token to send, `undefined` where none is needed, or why there is none. */
export type Token = Secret | Refusal | undefined;

/** Where a sign-in stands, for people and programs. Nothing secret. */
export interface SignInState {
  /** `unneeded`: nothing asks for a sign-in, as far as is known. */
  readonly state: "unneeded" | "signed-in" | "signing-in" | "signed-out";
  readonly issuer?: string;
  readonly clientId?: string;
  readonly scopes?: readonly string[];
  readonly subject?: string;
  readonly name?: string;
  readonly email?: string;
  /** Until when the token in hand is good, wall clock. */
  readonly expiresAt?: number;
  /** True where it is renewed without a person. */
  readonly isRenewable?: boolean;
  /** False where the sign-in is forgotten at the end of the process. */
  readonly isLasting?: boolean;
  /** What a person has to open, and the code to compare, while signing in. */
  readonly url?: string;
  readonly code?: string;
  /** What the last attempt failed of, where none succeeded since. */
  readonly problem?: string;
}

/** What the server said when it refused a token. */
export interface TokenChallenge {
  /** The OAuth error code. */
  readonly error?: string | undefined;
  readonly scope?: string | undefined;
  /** Where the server says how to sign in. */
  readonly metadata?: string | undefined;
}

/**
 * The tokens of one sign-in. Calls may overlap and share one attempt; nothing is retried behind a caller's back, and no
 * call waits longer than the issuer may take. Never throws: what cannot be had is a refusal.
 */
export interface Tokens {
  /** A token that has not expired. */
  get(): Promise<Token>;
  /**
   * After the server refused a token: another one.
   *
   * @param used what was sent and refused; the same token back means that there is no newer one to try
   * @param challenge why; `insufficient_scope` with a scope asks the person once for that scope too
   */
  renew(used: Secret | undefined, challenge?: TokenChallenge): Promise<Token>;
  /** Ends with true when a token is there; with false after `limit`, or at once when nobody is signing in. */
  signedIn(limit: Duration): Promise<boolean>;
  /** Calls back after each sign-in that ended a time without one; returns the way to stop. */
  onSignedIn(call: () => void): () => void;
  /** The proofs of possession that go with its tokens; left out where none is bound to a key. */
  readonly proofs?: Proofs | undefined;
  /** What to do where the server refuses the newest token too; left out, nothing is known to help. */
  readonly refusedHint?: string;
  /** Where the sign-in stands. */
  describe(): SignInState;
}
