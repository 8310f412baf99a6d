/** Where access tokens come from: the port behind which every way to sign in stands, one file each. */
import type { Refusal, Secret } from "@smcp/core";

/** A token to send, `undefined` where none is needed, or why there is none. */
export type Token = Secret | Refusal | undefined;

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
   */
  renew(used: Secret | undefined): Promise<Token>;
}
