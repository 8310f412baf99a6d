/** One request under way in a child, and its answer: JSON while nothing else was sent, else the last event of a stream. */
import { toWire, type Duration, type Refusal } from "@smcp/core";
import type { Reply } from "@smcp/edge";

import type { Accepts } from "./accept.ts";
import { Deadline } from "./deadline.ts";
import { endWithEvent, startEvents, writeEvent } from "./event.ts";
import { idKey, type IdKey } from "./line.ts";
import type { Patience } from "./patience.ts";

export interface CallTerms {
  /** What the child knows it by. */
  readonly key: IdKey;
  /** Later calls of a child have higher ones. */
  readonly order: number;
  /** The caller's own id, raw JSON text. */
  readonly id: string;
  /** The caller's own progress token, raw JSON text. */
  readonly progressToken: string | undefined;
  readonly accepts: Accepts;
  /** Of ours, beside those of every answer. */
  readonly headers: readonly string[];
  readonly patience: Patience;
  onExpired(call: Call): void;
}

/** An answer on its way: a line of the child's, perhaps in pieces. */
export type Line = readonly Uint8Array[];

export class Call {
  readonly key: IdKey;
  readonly id: string;
  readonly progressToken: string | undefined;
  readonly reply: Reply;
  readonly order: number;
  isCancelled = false;
  /** Bytes that were sent while the reader did not read. */
  unread = 0;

  readonly #terms: CallTerms;
  /** Until the wait that all calls begin with is over, it is that one; then one of its own. */
  #wait: { leave(): void } | undefined;
  #deadline: Deadline | undefined;
  #restartedAt: number | undefined;

  constructor(reply: Reply, terms: CallTerms) {
    this.reply = reply;
    this.key = terms.key;
    this.order = terms.order;
    this.id = terms.id;
    this.progressToken = terms.progressToken;
    this.#terms = terms;
    this.#wait = terms.patience.begin(terms.accepts, () => this.#onFirstWait());
  }

  /** What the caller's progress token is compared by. */
  get progressKey(): IdKey | undefined {
    return this.progressToken === undefined ? undefined : idKey(this.progressToken);
  }

  /** True while messages of the server can be put before the answer. */
  get canStream(): boolean {
    return this.#terms.accepts.events && !this.reply.isClosed;
  }

  /** Puts a message before the answer. False when the reader is slow. */
  event(...line: Uint8Array[]): boolean {
    if (!this.canStream) return true;
    this.#commit();
    return writeEvent(this.reply, line);
  }

  /** The wait for the answer begins anew. */
  restart(): void {
    if (!this.isCancelled) this.#restartedAt = this.#terms.patience.clock.elapsed();
  }

  /** The caller lost interest; the child may still answer, but need not. */
  cancel(grace: Duration): void {
    if (this.isCancelled) return;
    this.isCancelled = true;
    this.#waitFor(Math.min(grace, this.#left()));
  }

  /** It stays open for as long as both sides like: its answer is not waited for any more. */
  hold(): void {
    this.#stopWaiting();
    this.reply.isStanding = true;
  }

  /**
   * Answers with the child's line.
   *
   * @param status where nothing was sent yet
   */
  answer(line: Line, isError: boolean, status = 200): void {
    this.#stopWaiting();
    const { accepts, headers } = this.#terms;
    if (this.reply.isStarted) endWithEvent(this.reply, line);
    else if (accepts.json || status !== 200) {
      // A session that was not opened has no id.
      sendLine(this.reply, status, ["content-type", "application/json", ...(isError ? [] : headers)], line);
    } else {
      this.#commit();
      endWithEvent(this.reply, line);
    }
  }

  /**
   * Answers with a refusal. On a stream it is the last event: no client resumes a call's stream without event ids, so one
   * that is broken off would leave its caller waiting.
   */
  fail(refusal: Refusal): void {
    this.#stopWaiting();
    if (!this.reply.isStarted) this.reply.refuse(refusal, this.id);
    else endWithEvent(this.reply, [Buffer.from(toWire(refusal, this.reply.requestId, this.id).body)]);
  }

  /** Ends without an answer: for a cancelled call, which is owed none. */
  drop(): void {
    this.#stopWaiting();
    if (!this.canStream) return;
    this.#commit();
    this.reply.end();
  }

  /** Breaks the answer off, if it has one. */
  abort(): void {
    this.#stopWaiting();
    this.reply.abort();
  }

  /** Nobody waits any more. */
  forget(): void {
    this.#stopWaiting();
  }

  #commit(): void {
    if (!this.reply.isStarted) startEvents(this.reply, this.#terms.headers);
  }

  #stopWaiting(): void {
    this.#wait?.leave();
    this.#wait = undefined;
    this.#deadline?.clear();
  }

  #waitFor(duration: Duration): void {
    this.#stopWaiting();
    this.#deadline = new Deadline(this.#terms.patience.clock, duration, () => this.#onDue());
  }

  #onFirstWait(): void {
    this.#wait = undefined;
    const left = this.#left();
    if (left <= 0.5) this.#terms.onExpired(this);
    else {
      if (this.canStream) this.#commit();
      this.#waitFor(left);
    }
  }

  #onDue(): void {
    const left = this.isCancelled ? 0 : this.#leftSinceRestart();
    if (left <= 0.5) this.#terms.onExpired(this);
    else this.#waitFor(left);
  }

  #left(): Duration {
    const { patience, accepts } = this.#terms;
    if (this.#restartedAt !== undefined) return this.#leftSinceRestart();
    // While the first wait lasts nobody counts; all of it is left then, at most.
    return this.#wait ? patience.limit : patience.leftAfterFirst(accepts);
  }

  #leftSinceRestart(): Duration {
    const { limit, clock } = this.#terms.patience;
    return this.#restartedAt === undefined ? 0 : this.#restartedAt + limit - clock.elapsed();
  }
}

function sendLine(reply: Reply, status: number, headers: string[], line: Line): void {
  const [only] = line;
  if (line.length === 1 && only) {
    reply.send(status, headers, only);
    return;
  }
  let length = 0;
  for (const piece of line) length += piece.length;
  reply.start(status, [...headers, "content-length", String(length)]);
  for (const piece of line) reply.write(piece);
  reply.end();
}
