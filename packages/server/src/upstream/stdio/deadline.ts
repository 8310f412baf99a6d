/** A moment that moves: one timer however often it is put off, and no limit on how far away it lies. */
import type { Clock, Duration } from "@smcp/core";

/** Timers beyond 2^31 ms fire at once. */
const LONGEST_TIMER: Duration = 1 << 30;

export class Deadline {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #due: number;
  /** Infinity while no timer runs, -Infinity once cleared. */
  #wakesAt = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Clock, after: Duration, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#due = clock.elapsed() + after;
    this.#arm();
  }

  /** When it is due, on the clock that never goes back. */
  get due(): number {
    return this.#due;
  }

  /** Moves it to `after` from now; once due, this sets it anew. */
  move(after: Duration): void {
    this.#due = this.#clock.elapsed() + after;
    // Later costs nothing: the timer sees it when it wakes.
    if (this.#due < this.#wakesAt) this.#arm();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#wakesAt = Number.NEGATIVE_INFINITY;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const now = this.#clock.elapsed();
    const delay = Math.min(LONGEST_TIMER, Math.max(1, this.#due - now));
    this.#wakesAt = now + delay;
    this.#timer = setTimeout(() => this.#wake(), delay).unref();
  }

  #wake(): void {
    // Half a millisecond: timers and the clock round differently.
    if (this.#due - this.#clock.elapsed() > 0.5) this.#arm();
    else {
      this.#wakesAt = Number.POSITIVE_INFINITY;
      this.#onDue();
    }
  }
}
