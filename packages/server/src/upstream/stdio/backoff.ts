/** How long to leave a program alone that does not start: 1 s, doubling to 30 s, until it starts. */
import type { Clock, Duration } from "@smcp/core";

const FIRST: Duration = 1_000;
const LONGEST: Duration = 30_000;

export class StartBackoff {
  readonly #clock: Clock;
  #step: Duration = 0;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long it must still be left alone; 0 when it may be started. */
  get wait(): Duration {
    return Math.max(0, this.#failedAt + this.#step - this.#clock.elapsed());
  }

  /** True when it worked, or has not been tried for so long that the next failure is a first one. */
  get isForgotten(): boolean {
    return this.#clock.elapsed() - this.#failedAt > 2 * LONGEST;
  }

  /**
   * Notes a start that failed.
   *
   * @param startedAt when it was tried, by the clock's `elapsed`
   * @returns the new step; `undefined` when the start was made before the last failure: many callers at once are one step
   */
  failed(startedAt: number): Duration | undefined {
    if (startedAt <= this.#failedAt) return undefined;
    this.#step = this.#step === 0 ? FIRST : Math.min(LONGEST, this.#step * 2);
    this.#failedAt = this.#clock.elapsed();
    return this.#step;
  }

  /** Notes that it started. */
  succeeded(): void {
    this.#step = 0;
    this.#failedAt = Number.NEGATIVE_INFINITY;
  }
}
