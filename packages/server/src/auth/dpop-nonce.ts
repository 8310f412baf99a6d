/**
 * Nonces for proofs: a caller that has to know one cannot have made its proof long before, and a proof that was used at one
 * replica is good at another for seconds only. Nothing is kept: every replica with the key makes the same ones.
 */
import { createHmac, hkdfSync } from "node:crypto";

import type { Clock, Duration } from "@smcp/core";

/** How long a nonce is the newest; it is good for as long before and after, for clocks that differ. */
const SLICE: Duration = 10_000;

export class Nonces {
  readonly #key: Buffer;
  readonly #clock: Clock;
  #slice = Number.NaN;
  /** Of the slices before, at and after the present one. */
  #good: readonly string[] = [];

  /** @param key that replicas share and nobody else knows */
  constructor(key: Buffer, clock: Clock) {
    this.#key = Buffer.from(hkdfSync("sha256", key, "", "smcp dpop nonce", 32));
    this.#clock = clock;
  }

  /** The newest one. */
  get newest(): string {
    return this.#now()[1] ?? "";
  }

  isGood(nonce: unknown): boolean {
    return this.#now().some((one) => one === nonce);
  }

  #now(): readonly string[] {
    const slice = Math.floor(this.#clock.now() / SLICE);
    if (slice !== this.#slice) {
      this.#slice = slice;
      this.#good = [slice - 1, slice, slice + 1].map((one) => this.#of(one));
    }
    return this.#good;
  }

  #of(slice: number): string {
    return createHmac("sha256", this.#key).update(String(slice)).digest("base64url").slice(0, 22);
  }
}
