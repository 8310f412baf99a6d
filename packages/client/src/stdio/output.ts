/** The only writer of stdout: one message, one line. It tells who writes when the app does not read. */
import type { Writable } from "node:stream";

import { onOneLine } from "@smcp/core";

export class Output {
  readonly #stdout: Writable;
  #waiting: (() => void)[] = [];

  /** @param onBroken called when nobody reads any more */
  constructor(stdout: Writable, onBroken: () => void) {
    this.#stdout = stdout;
    stdout.on("error", onBroken);
    stdout.on("close", onBroken);
    stdout.on("drain", () => {
      for (const resume of this.#waiting.splice(0)) resume();
    });
  }

  /** False while the app is slow to read: wait for {@link drained}. */
  get hasRoom(): boolean {
    return this.#stdout.destroyed || !this.#stdout.writableNeedDrain;
  }

  /** Writes a message, whatever room there is. */
  write(message: string): void {
    if (!this.#stdout.destroyed) this.#stdout.write(`${onOneLine(message)}\n`);
  }

  /** Resolves as soon as there is room again. */
  drained(): Promise<void> {
    if (this.hasRoom) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Lets everybody go on who waits for an app that will not read any more. */
  giveUp(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }
}
