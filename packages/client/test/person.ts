/** A sign-in in a test's hands: pending until the test signs in, or gives up on behalf of everybody who waits. */
import { refuse, Secret, type Duration } from "@smcp/core";

import type { SignInState, Token, Tokens } from "../src/tokens/tokens.ts";

export const REASON = "sign in at https://idp.example.com/device with the code WDJB-MJHT (4 min left)";

export class Person implements Tokens {
  /** How long each first message was ready to wait. */
  readonly waits: Duration[] = [];
  reason = REASON;
  #token: Secret | undefined;
  #isSigningIn = true;
  readonly #waiting: ((isSignedIn: boolean) => void)[] = [];
  readonly #hooks = new Set<() => void>();

  signIn(token = "token-of-a-person"): void {
    this.#token = new Secret(token);
    this.#settle(true);
    for (const hook of this.#hooks) hook();
  }

  /** Nobody comes: whoever waits is told, as after its limit. */
  stayAway(): void {
    this.#isSigningIn = false;
    this.#settle(false);
  }

  signOut(): void {
    this.#token = undefined;
  }

  /** How many want to be told of the next sign-in. */
  get listeners(): number {
    return this.#hooks.size;
  }

  get(): Promise<Token> {
    return Promise.resolve(this.#token ?? refuse("SIGN_IN_PENDING", { reason: this.reason }));
  }

  renew(): Promise<Token> {
    this.#token = undefined;
    return this.get();
  }

  signedIn(limit: Duration): Promise<boolean> {
    this.waits.push(limit);
    if (this.#token || !this.#isSigningIn) return Promise.resolve(this.#token !== undefined);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  onSignedIn(call: () => void): () => void {
    this.#hooks.add(call);
    return () => this.#hooks.delete(call);
  }

  describe(): SignInState {
    return { state: this.#token ? "signed-in" : "signing-in" };
  }

  #settle(isSignedIn: boolean): void {
    for (const resolve of this.#waiting.splice(0)) resolve(isSignedIn);
  }
}
