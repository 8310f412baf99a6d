/** The limits that every call of a backend has: of one length each, so that no call needs a timer of its own. */
import type { Clock, Duration } from "@smcp/core";
import { Deadlines } from "@smcp/edge";

import type { Accepts } from "./accept.ts";

/** Something that ends a wait before it is over. */
interface Wait {
  leave(): void;
}

export class Patience {
  /** How long the answer may take; progress restarts it. */
  readonly limit: Duration;
  readonly clock: Clock;
  /** When a silent call becomes an event stream, where it can. */
  readonly #first: Duration;
  readonly #silent: Deadlines;
  readonly #whole: Deadlines;

  constructor(limit: Duration, commitAfter: Duration, clock: Clock) {
    this.limit = limit;
    this.clock = clock;
    this.#first = Math.min(commitAfter, limit);
    this.#silent = new Deadlines(this.#first);
    this.#whole = new Deadlines(limit);
  }

  /** The first wait of a call: until it must become a stream, or, where it cannot, until its answer is due. */
  begin(accepts: Accepts, expire: () => void): Wait {
    return (accepts.events ? this.#silent : this.#whole).begin(expire);
  }

  /** How much is left of the limit when the first wait is over. */
  leftAfterFirst(accepts: Accepts): Duration {
    return accepts.events ? this.limit - this.#first : 0;
  }
}
