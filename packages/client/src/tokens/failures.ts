/** What the last attempts failed of, and how long nobody tries again: longer after each failure in a row. */
import type { Clock, Duration, Refusal } from "@smcp/core";

import { backOff } from "../back-off.ts";
import { momentOf, since, type Moment } from "./lifetime.ts";

interface Failed {
  readonly refusal: Refusal;
  readonly from: Moment;
  readonly pause: Duration;
}

const LONGEST_RETRY_AFTER: Duration = 60_000;

export class Failures {
  readonly #clock: Clock;
  readonly #random: () => number;
  #count = 0;
  #last: Failed | undefined;

  /** @param random between 0 and 1 */
  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** What the last attempt failed of, where none succeeded since. */
  get last(): Refusal | undefined {
    return this.#last?.refusal;
  }

  /** Why nothing is tried now; `undefined`: an attempt is due. */
  get current(): Refusal | undefined {
    const last = this.#last;
    return last && since(last.from, this.#clock) < last.pause ? last.refusal : undefined;
  }

  /** @param retryAfter how long the issuer wants not to be asked again */
  add(refusal: Refusal, retryAfter: Duration = 0): void {
    this.#count++;
    const pause = Math.max(backOff(this.#count, this.#random()), Math.min(retryAfter, LONGEST_RETRY_AFTER));
    this.#last = { refusal, from: momentOf(this.#clock), pause };
  }

  clear(): void {
    this.#count = 0;
    this.#last = undefined;
  }
}
