/**
 * Relays one request to an upstream and its answer back: bytes as they are, headers as the plan says, back-pressure both
 * ways, cancellation when the caller leaves. It never answers by itself: what went wrong is handed to the plan.
 */
import { describeError, type Bytes, type Duration, type SseFilter } from "@smcp/core";

import type { Deadline, Deadlines } from "./deadlines.ts";
import type { Reply } from "./reply.ts";
import type { Connection, Receiver } from "./upstream/connection.ts";
import type { UpstreamPool, RelayRequest } from "./upstream/pool.ts";
import type { UpstreamHeaders } from "./upstream/response-head.ts";

/** Why nothing of the upstream's answer was sent. */
export interface RelayFailure {
  /**
   * `unreachable`: no connection, or it broke before an answer. `slow`: no answer in time. `stopped`: the plan did not
   * want this answer.
   */
  readonly kind: "unreachable" | "slow" | "stopped";
  readonly reason: string;
  /** The first bytes of a stopped answer's body: at most the plan's `peek`, fewer where they came late. */
  readonly body?: Uint8Array;
}

export interface RelayPlan {
  /** Bounds the wait for the upstream's headers. */
  readonly deadlines: Deadlines;
  /**
   * Judges the upstream's status and headers: the flat list that goes to the caller, or a text that says why this answer
   * must not; its body is then thrown away and `failed` is told.
   */
  head(status: number, headers: UpstreamHeaders): string[] | string;
  /** How many bytes of the body of an answer that `head` stopped `failed` wants to see. Default 0. */
  readonly peek?: Bytes;
  /** What the body of an answer that `head` let pass goes through, where not all of it may pass as it is. */
  readonly filter?: SseFilter | undefined;
  /** Called at most once: while nothing was sent, or where the filter breaks the answer off. */
  failed(failure: RelayFailure): void;
}

/** Sends the request; everything after that arrives at `reply` or at the plan. */
export function relay(pool: UpstreamPool, request: RelayRequest, reply: Reply, plan: RelayPlan): void {
  new RelayHandler(reply, plan).send(pool, request);
}

/** How long the body of a stopped answer is waited for, where the plan wants to see it. */
const PEEK_TIME: Duration = 1_000;

class RelayHandler implements Receiver {
  readonly #reply: Reply;
  readonly #plan: RelayPlan;
  readonly #deadline: Deadline;
  #peekTimer: NodeJS.Timeout | undefined;
  #connection: Connection | undefined;
  #length = -1;
  #held: Buffer | undefined;
  #filter: SseFilter | undefined;
  #stopped: RelayFailure | undefined;
  #peeked: Buffer | undefined;
  #isOver = false;

  constructor(reply: Reply, plan: RelayPlan) {
    this.#reply = reply;
    this.#plan = plan;
    this.#deadline = plan.deadlines.begin(() => this.#giveUp({ kind: "slow", reason: "no answer in time" }));
    reply.onClosed((ending) => {
      if (!ending.complete) this.#giveUp(undefined);
    });
  }

  send(pool: UpstreamPool, request: RelayRequest): void {
    try {
      this.#connection = pool.send(request, this);
    } catch (error) {
      this.onFailed(error as Error);
    }
  }

  onHead(status: number, headers: UpstreamHeaders): void {
    if (this.#isOver) return;
    this.#deadline.leave();
    const out = this.#plan.head(status, headers);
    if (typeof out === "string") {
      this.#stop(out);
      return;
    }
    this.#filter = this.#plan.filter;
    const length = this.#filter ? undefined : headers["content-length"];
    this.#length = typeof length === "string" ? Number(length) : -1;
    if (this.#length >= 0) out.push("content-length", String(this.#length));
    this.#reply.start(status, out, this.#length < 0);
  }

  onData(chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#peeked) {
      this.#peek(chunk);
      return;
    }
    if (chunk.length === this.#length) {
      // The whole body at once: leaves with the headers in one write.
      this.#held = chunk;
      return;
    }
    if (this.#filter ? this.#sift(this.#filter, chunk) : this.#reply.write(chunk)) return;
    this.#connection?.pause(this);
    this.#reply.onceDrained(() => this.#connection?.resume(this));
  }

  onEnd(): void {
    if (this.#isOver) return;
    if (this.#peeked) {
      this.#giveUp(this.#stopped);
      return;
    }
    if (this.#filter) for (const piece of this.#filter.end()) this.#reply.write(piece);
    this.#isOver = true;
    this.#reply.end(this.#held);
  }

  onFailed(error: Error): void {
    this.#giveUp(this.#peeked ? this.#stopped : { kind: "unreachable", reason: describeError(error) });
  }

  /** False when the reader is slow. */
  #sift(filter: SseFilter, chunk: Uint8Array): boolean {
    let hasRoom = true;
    for (const piece of filter.push(chunk) ?? []) hasRoom = this.#reply.write(piece);
    if (filter.broken === undefined) return hasRoom;
    this.#plan.failed({ kind: "stopped", reason: filter.broken });
    this.#giveUp(undefined);
    return true;
  }

  #stop(reason: string): void {
    this.#stopped = { kind: "stopped", reason };
    if (!this.#plan.peek) {
      this.#giveUp(this.#stopped);
      return;
    }
    this.#peeked = Buffer.alloc(0);
    this.#peekTimer = setTimeout(() => this.#giveUp(this.#stopped), PEEK_TIME);
  }

  #peek(chunk: Uint8Array): void {
    const limit = this.#plan.peek ?? 0;
    const body = Buffer.concat([this.#peeked ?? Buffer.alloc(0), chunk]).subarray(0, limit);
    this.#peeked = body;
    this.#stopped = { kind: "stopped", reason: this.#stopped?.reason ?? "", body };
    if (body.length >= limit) this.#giveUp(this.#stopped);
  }

  /** Ends the exchange once, with a failure for the plan or, if the caller left, with nobody to tell. */
  #giveUp(failure: RelayFailure | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline.leave();
    clearTimeout(this.#peekTimer);
    this.#connection?.abort(this);
    if (this.#reply.isStarted) this.#reply.abort();
    else if (failure) this.#plan.failed(failure);
  }
}
