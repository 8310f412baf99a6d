/** Limits of one length for many waits: kept in one list by one timer, where a timer for each would cost more than the wait. */
import { performance } from "node:perf_hooks";

import type { Duration } from "@smcp/core";

/** A wait that ends by itself unless it is ended before. */
export interface Deadline {
  /** The wait is over: `expire` will not be called. */
  end(): void;
}

export class Deadlines {
  readonly #limit: Duration;
  /** In the order of their expiry, for all have the same length. */
  readonly #waits = new Set<Wait>();
  #timer: NodeJS.Timeout | undefined;

  constructor(limit: Duration) {
    this.#limit = limit;
  }

  /** Begins a wait; `expire` is called when it has lasted for the limit. */
  begin(expire: () => void): Deadline {
    const wait = new Wait(this.#waits, performance.now() + this.#limit, expire);
    this.#waits.add(wait);
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
    for (const wait of this.#waits) {
      if (wait.until > now) {
        this.#arm(Math.max(1, wait.until - now));
        return;
      }
      wait.end();
      wait.expire();
    }
  }
}

class Wait implements Deadline {
  readonly until: number;
  readonly expire: () => void;
  readonly #among: Set<Wait>;

  constructor(among: Set<Wait>, until: number, expire: () => void) {
    this.#among = among;
    this.until = until;
    this.expire = expire;
  }

  end(): void {
    this.#among.delete(this);
  }
}
