/**
 * What all answers of a listener share: one timer for comments on silent event streams and an end to writes that stay
 * blocked, which runs only while there is something to look after; one place for memory; whether the end is near.
 */
import { systemClock, type Clock, type Duration } from "@smcp/core";

import type { Reply } from "./reply.ts";
import { Place } from "./ring.ts";
import { Slab } from "./slab.ts";
import { YoungGarbage } from "./young-garbage.ts";

const STEP: Duration = 1_000;

export class Desk {
  /** Set when the listener shuts down: answers then close their connection. */
  isDraining = false;
  readonly slab = new Slab();
  readonly garbage = new YoungGarbage();

  readonly #clock: Clock;
  readonly #silence: Duration;
  readonly #writeLimit: Duration;
  readonly #watched = new Place<Reply>(undefined);
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param writeLimit how long one write may be blocked by a reader that does not read
   * @param silence after how much silence an event stream gets a comment
   */
  constructor(writeLimit: Duration, silence: Duration = 15_000, clock: Clock = systemClock) {
    this.#writeLimit = writeLimit;
    this.#silence = silence;
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.elapsed();
  }

  /** Looks after an answer until its place leaves. */
  watch(place: Place<Reply>): void {
    place.enter(this.#watched);
    this.#timer ??= setInterval(() => this.#beat(), STEP).unref();
  }

  #beat(): void {
    const now = this.now();
    if (this.#watched.next === this.#watched) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    for (const reply of this.#watched.values()) reply.beat(now, this.#silence, this.#writeLimit);
  }
}
