/**
 * The standing streams of one session. A client may have several, and one that lost its connection opens the next before
 * anybody here learns of the loss: each message goes to the newest only, the others stay open and silent. What comes while
 * there is none is kept, within bounds, the oldest dropped first.
 */
import type { Reply } from "@smcp/edge";

import { startEvents, writeEvent } from "./event.ts";
import type { StdioTuning } from "./tuning.ts";

interface Kept {
  readonly line: Uint8Array;
  readonly isQuestion: boolean;
}

/** A reader that does not keep up. */
export type OnSlow = (reply: Reply) => void;

export class StandingStreams {
  readonly #tuning: StdioTuning;
  readonly #onSlow: OnSlow;
  readonly #open: Reply[] = [];
  #kept: Kept[] = [];
  #keptBytes = 0;
  #dropped = 0;

  constructor(tuning: StdioTuning, onSlow: OnSlow) {
    this.#tuning = tuning;
    this.#onSlow = onSlow;
  }

  get size(): number {
    return this.#open.length;
  }

  /** True while something is kept, which may be a question. */
  get hasKept(): boolean {
    return this.#kept.length > 0;
  }

  /** How many messages found no stream and no room. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Makes `reply` the newest stream and gives it what was kept. */
  add(reply: Reply, onClosed: () => void): void {
    reply.isStanding = true;
    startEvents(reply);
    this.#open.push(reply);
    reply.onClosed(() => {
      const at = this.#open.indexOf(reply);
      if (at >= 0) this.#open.splice(at, 1);
      onClosed();
    });
    if (this.#open.length > this.#tuning.maxStreams) this.#open.shift()?.end();
    for (const { line } of this.#takeKept(() => true)) this.send(line, false);
  }

  /**
   * Sends one message, or keeps it.
   *
   * @param isQuestion whether the child waits for its answer
   */
  send(line: Uint8Array, isQuestion: boolean): void {
    const reply = this.#open.at(-1);
    if (!reply) this.#keep({ line, isQuestion });
    else if (!writeEvent(reply, [line])) this.#onSlow(reply);
  }

  /** Takes what the child waits to be answered. */
  takeQuestions(): Uint8Array[] {
    return this.#takeKept((one) => one.isQuestion).map((one) => one.line);
  }

  end(): void {
    this.#kept = [];
    for (const reply of this.#open.splice(0)) reply.end();
  }

  #keep(one: Kept): void {
    const { messages, bytes } = this.#tuning.maxKept;
    this.#kept.push(one);
    this.#keptBytes += one.line.length;
    while (this.#kept.length > messages || this.#keptBytes > bytes) {
      this.#keptBytes -= this.#kept.shift()?.line.length ?? 0;
      this.#dropped++;
    }
  }

  #takeKept(isWanted: (one: Kept) => boolean): Kept[] {
    if (this.#kept.length === 0) return [];
    const taken = this.#kept.filter(isWanted);
    this.#kept = this.#kept.filter((one) => !isWanted(one));
    for (const { line } of taken) this.#keptBytes -= line.length;
    return taken;
  }
}
