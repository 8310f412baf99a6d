/** Who waits for a sign-in. While somebody does, the store is looked at: it may end in another process. */
import type { Duration } from "@smcp/core";

const PAUSE: Duration = 1_000;

export class Watchers {
  readonly #look: () => void;
  readonly #calls = new Set<() => void>();
  readonly #waiting = new Set<(isIn: boolean) => void>();
  #timer: NodeJS.Timeout | undefined;

  /** @param look called each second while somebody waits */
  constructor(look: () => void) {
    this.#look = look;
  }

  /** Calls back at every sign-in; returns the way to stop. */
  add(call: () => void, isOut: boolean): () => void {
    // One of its own, so that the same function may be added twice.
    const own = (): void => call();
    this.#calls.add(own);
    if (isOut) this.watch();
    return () => {
      this.#calls.delete(own);
      this.#rest();
    };
  }

  /** Ends with true at the next sign-in, with false after `limit` or when the attempt was given up. */
  async wait(limit: Duration): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), limit);
    this.#waiting.add(resolve);
    this.watch();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(resolve);
      this.#rest();
    }
  }

  /** Nobody is signed in: looks, as long as somebody waits. */
  watch(): void {
    if (this.#timer || !this.#isWatched) return;
    this.#timer = setInterval(() => this.#look(), PAUSE).unref();
  }

  /** Somebody signed in. */
  tell(): void {
    this.#stop();
    for (const resolve of this.#waiting) resolve(true);
    // A call may add others, which are for the next time.
    const calls = Array.from(this.#calls);
    for (const call of calls) call();
  }

  /** The attempt ended without a sign-in. */
  giveUp(): void {
    for (const resolve of this.#waiting) resolve(false);
  }

  get #isWatched(): boolean {
    return this.#calls.size > 0 || this.#waiting.size > 0;
  }

  #rest(): void {
    if (!this.#isWatched) this.#stop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
