/**
 * Signing a person in, as the rest of the client sees it: the port between whoever keeps the session (tokens/shared.ts) and
 * whoever gets it (the flows in this folder).
 */
import type { Refusal } from "@smcp/core";

import type { GrantRefused } from "../tokens/kept.ts";
import type { Session } from "../tokens/session.ts";

/** Gets sessions from the issuer, with or without the person. */
export interface SignInPort {
  /**
   * One refresh request, bounded in time; never rejects.
   *
   * @param isRefused the server refused the session's token: it may have turned to another issuer
   */
  refresh(session: Session, isRefused?: boolean): Promise<Session | GrantRefused>;
  /**
   * Begins the interactive sign-in unless one is under way, in this process or another of the profile; tells how to finish
   * it. Never rejects.
   */
  begin(why: SignInReason): Promise<PendingSignIn | Refusal>;
}

/** Why somebody must sign in. */
export interface SignInReason {
  /** The scopes that the server's challenge names: asked for beside those of the session that there is. */
  readonly scopes?: readonly string[];
  /** The token is good, and only lacks them: a provider that was asked for them before will not help. */
  readonly isStepUp?: boolean;
  /** Where the challenge says that the server's metadata is. */
  readonly metadata?: string | undefined;
  /** A person asked for it (`smcp login`): pauses after attempts that nobody answered do not count. */
  readonly isAsked?: boolean;
}

/** A sign-in that waits for a person. */
export interface PendingSignIn {
  /** What the person must open. */
  readonly url: string;
  /** The code they compare (device). */
  readonly code: string | undefined;
  /** Wall-clock milliseconds. */
  readonly expiresAt: number;
  /** True where another process of the profile has it under way, and showed it. */
  readonly isElsewhere?: boolean;
  /** Ends with the session, which is in the store by then, or why there is none. Never rejects. */
  readonly done: Promise<Session | Refusal>;
}
