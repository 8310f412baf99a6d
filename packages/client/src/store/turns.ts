/** One after the other in this process; whoever has its turn may ask for it again and goes on at once. */
import { AsyncLocalStorage } from "node:async_hooks";

interface Turn {
  isOver: boolean;
}

export class Turns {
  readonly #mine = new AsyncLocalStorage<Turn>();
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when it is its turn, around it `guard` unless this is within a turn already. */
  take<T>(work: () => Promise<T>, guard: (work: () => Promise<T>) => Promise<T> = (one) => one()): Promise<T> {
    // What a turn left running behind it is not within it any more.
    if (this.#mine.getStore()?.isOver === false) return work();
    const mine = this.#last.then(() => this.#run(work, guard));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  #run<T>(work: () => Promise<T>, guard: (work: () => Promise<T>) => Promise<T>): Promise<T> {
    const turn: Turn = { isOver: false };
    const guarded = (): Promise<T> =>
      this.#mine.run(turn, work).finally(() => {
        turn.isOver = true;
      });
    return guard(guarded);
  }
}
