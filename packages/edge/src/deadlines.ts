/** Limits of one length for many waits: kept in one ring by one timer, where a timer for each would cost more than the wait. */
import { performance } from "node:perf_hooks";

import type { Duration } from "@smcp/core";

import { Place } from "./ring.ts";

/** A wait that ends by itself unless it leaves before. */
export interface Deadline {
  /** The wait is over: it will not expire. */
  leave(): void;
}

interface Wait {
  readonly until: number;
  readonly expire: () => void;
}

export class Deadlines {
  readonly #limit: Duration;
  /** In the order of their expiry, for all have the same length. */
  readonly #waits = new Place<Wait>(undefined);
  #timer: NodeJS.Timeout | undefined;

  constructor(limit: Duration) {
    this.#limit = limit;
  }

  /** Begins a wait; `expire` is called when it has lasted for the limit. */
  begin(expire: () => void): Deadline {
    const wait = new Place<Wait>({ until: performance.now() + this.#limit, expire });
    wait.enter(this.#waits);
    this.#arm(this.#limit);
    return wait;
  }

  /** What is waited for keeps the process alive; the limit does not. */
  #arm(after: Duration): void {
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#sweep(), after).unref();
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (let first = this.#waits.next; first.value; first = this.#waits.next) {
      const { until, expire } = first.value;
      if (until > now) {
        this.#arm(Math.max(1, until - now));
        return;
      }
      first.leave();
      expire();
    }
  }
}
