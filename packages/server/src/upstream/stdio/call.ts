/** One request under way in a child, and its answer: JSON while nothing else was sent, else the last event of a stream. */
import { toWire, type Clock, type Duration, type Refusal } from "@smcp/core";
import type { Reply } from "@smcp/edge";

import type { Accepts } from "./accept.ts";
import { Deadline } from "./deadline.ts";
import { endWithEvent, startEvents, writeEvent } from "./event.ts";
import { idKey } from "./line.ts";

export interface CallTerms {
  /** Raw JSON text. */
  readonly id: string;
  /** Raw JSON text. */
  readonly progressToken: string | undefined;
  readonly accepts: Accepts;
  /** Of ours, beside those of every answer. */
  readonly headers: readonly string[];
  /** How long the answer may take; progress restarts it. */
  readonly limit: Duration;
  /** When a silent call becomes an event stream. */
  readonly commitAfter: Duration;
  readonly clock: Clock;
  onExpired(call: Call): void;
}

export class Call {
  readonly key: string;
  readonly progressKey: string | undefined;
  readonly reply: Reply;
  isCancelled = false;

  readonly #terms: CallTerms;
  readonly #deadline: Deadline;
  #answerBy: number;

  constructor(reply: Reply, terms: CallTerms) {
    this.reply = reply;
    this.key = idKey(terms.id);
    this.progressKey = terms.progressToken === undefined ? undefined : idKey(terms.progressToken);
    this.#terms = terms;
    this.#answerBy = terms.clock.elapsed() + terms.limit;
    const first = terms.accepts.events ? Math.min(terms.commitAfter, terms.limit) : terms.limit;
    this.#deadline = new Deadline(terms.clock, first, () => this.#wake());
  }

  /** True while messages of the server can be put before the answer. */
  get canStream(): boolean {
    return this.#terms.accepts.events && !this.reply.isClosed;
  }

  /** Puts a message before the answer. False when the reader is slow. */
  event(line: Uint8Array): boolean {
    if (!this.canStream) return true;
    this.#commit();
    return writeEvent(this.reply, line);
  }

  /** The wait for the answer begins anew. */
  restart(): void {
    if (!this.isCancelled) this.#answerBy = this.#terms.clock.elapsed() + this.#terms.limit;
  }

  /** The caller lost interest; the child may still answer, but need not. */
  cancel(grace: Duration): void {
    this.isCancelled = true;
    this.#answerBy = Math.min(this.#answerBy, this.#terms.clock.elapsed() + grace);
    this.#deadline.move(Math.max(0, this.#answerBy - this.#terms.clock.elapsed()));
  }

  /** Answers with the child's line as it is. */
  answer(line: Uint8Array, isError: boolean): void {
    this.#deadline.clear();
    if (this.reply.isStarted) endWithEvent(this.reply, line);
    else if (this.#terms.accepts.json) {
      // A session that was not opened has no id.
      const headers = isError ? [] : this.#terms.headers;
      this.reply.send(200, ["content-type", "application/json", ...headers], line);
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
    this.#deadline.clear();
    if (!this.reply.isStarted) this.reply.refuse(refusal, this.#terms.id);
    else endWithEvent(this.reply, Buffer.from(toWire(refusal, this.reply.requestId, this.#terms.id).body));
  }

  /** Ends without an answer: for a cancelled call, which is owed none. */
  drop(): void {
    this.#deadline.clear();
    if (!this.canStream) return;
    this.#commit();
    this.reply.end();
  }

  #commit(): void {
    if (!this.reply.isStarted) startEvents(this.reply, this.#terms.headers);
  }

  #wake(): void {
    const left = this.#answerBy - this.#terms.clock.elapsed();
    if (left <= 0.5) {
      this.#terms.onExpired(this);
      return;
    }
    if (this.canStream) this.#commit();
    this.#deadline.move(left);
  }
}
