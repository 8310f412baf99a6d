/** Lines to a child and from it: bounded both ways, those of one turn of the event loop written at once. */
import { formatBytes, LineSplitter, type Bytes, type Duration } from "@smcp/core";
import type { Child } from "@smcp/edge";

import type { StdioTuning } from "./tuning.ts";

/** How long the last lines of a child that ended may take to arrive. */
const LAST_WORDS: Duration = 1_000;

export interface PipeEvents {
  onLine(line: Uint8Array): void;
  /** A line was too long and is lost. Left out: the child is of no use any more. */
  onLost?(): void;
  /** Called once, when nothing more will come; `reason` is for the log. */
  onEnd(reason: string): void;
}

export class ChildPipe {
  readonly #child: Child;
  readonly #maxInput: Bytes;
  readonly #events: PipeEvents;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #isOver = false;

  constructor(child: Child, tuning: StdioTuning, events: PipeEvents) {
    this.#child = child;
    this.#maxInput = tuning.maxInput;
    this.#events = events;
    const splitter = new LineSplitter(tuning.maxLine, (line) => {
      if (!this.#isOver) events.onLine(line);
    });
    child.stdout.on("data", (chunk: Buffer) => {
      if (splitter.push(chunk)) return;
      if (events.onLost) events.onLost();
      else this.#end(`a line of its output is longer than ${formatBytes(tuning.maxLine)}`);
    });
    void this.#awaitEnd();
  }

  /**
   * Sends one line at the end of this turn.
   *
   * @param line without its end
   * @param size its length in bytes
   * @returns false when the child does not read and too much waits for it already, or when it is gone
   */
  send(line: string, size: Bytes): boolean {
    if (this.#isOver) return false;
    const queued = this.#child.stdin.writableLength + this.#waitingBytes;
    if (queued > 0 && queued + size > this.#maxInput) return false;
    // Not in a microtask: one poll of the event loop brings many requests, and they are one write.
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    this.#waiting.push(line);
    this.#waitingBytes += size;
    return true;
  }

  /** Stops reading: a caller does not read either. */
  pause(): void {
    if (!this.#isOver) this.#child.stdout.pause();
  }

  resume(): void {
    this.#child.stdout.resume();
  }

  /** Nothing more is reported or sent; what the child still writes is read and thrown away, so that it can end. */
  close(): void {
    this.#isOver = true;
    this.#waiting = [];
    this.#child.stdout.resume();
  }

  #flush(): void {
    const lines = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (this.#isOver || lines.length === 0) return;
    lines.push("");
    this.#child.stdin.write(lines.join("\n"));
  }

  /** The exit and the end of the output come in either order, and a grandchild may keep the output open for ever. */
  async #awaitEnd(): Promise<void> {
    const { exited, stdout } = this.#child;
    const closed = new Promise<void>((resolve) => stdout.once("close", resolve).once("end", resolve));
    const reason = exited.then(({ code, signal }) =>
      signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`,
    );
    await Promise.race([reason, closed]);
    // Nobody may hold back the last lines: there is at most a pipe's worth of them.
    stdout.resume();
    const patience = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => patience.resolve(undefined), LAST_WORDS).unref();
    const whole = Promise.all([reason, closed]).then(([text]) => text);
    const text = await Promise.race([whole, patience.promise]);
    clearTimeout(timer);
    this.#end(text ?? (await Promise.race([reason, Promise.resolve("it closed its output")])));
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.close();
    this.#events.onEnd(reason);
  }
}
