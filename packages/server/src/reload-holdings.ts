/** What is open for requests, and who still uses it: closed when nobody does. Knows no kinds of things. */
import type { Reply } from "@smcp/edge";

/** Something that is open. */
export interface Closable {
  close(): Promise<void> | void;
}

/** Counts the holders of each thing and closes it when the last lets go. */
export class Holdings {
  readonly #holders = new Map<Closable, number>();
  readonly #closing = new Set<Promise<void>>();

  hold(things: readonly Closable[]): void {
    for (const one of things) this.#holders.set(one, (this.#holders.get(one) ?? 0) + 1);
  }

  release(things: readonly Closable[]): void {
    for (const one of things) {
      const left = (this.#holders.get(one) ?? 1) - 1;
      if (left > 0) this.#holders.set(one, left);
      else if (this.#holders.delete(one)) this.#close(one);
    }
  }

  /** Closes everything, whoever holds it. Resolves when nothing is left. */
  async closeAll(): Promise<void> {
    const open = [...this.#holders.keys()];
    this.#holders.clear();
    for (const one of open) this.#close(one);
    await Promise.all(this.#closing);
  }

  #close(one: Closable): void {
    const closing = Promise.resolve(one.close()).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

/** The requests that came under one configuration: tells when it was replaced and the last of them is over. */
export class Visit {
  #count = 0;
  #isReplaced = false;
  readonly #onOver: () => void;
  readonly #leave = (): void => {
    this.#count--;
    this.#look();
  };

  constructor(onOver: () => void) {
    this.#onOver = onOver;
  }

  enter(reply: Reply): void {
    this.#count++;
    reply.onClosed(this.#leave);
  }

  /** Nobody enters any more. */
  replace(): void {
    this.#isReplaced = true;
    this.#look();
  }

  #look(): void {
    if (this.#isReplaced && this.#count === 0) this.#onOver();
  }
}
