/**
 * The answer to one request: the only writer of a ServerResponse. Gathers what is written in one turn of the event loop
 * into one write, keeps event streams alive, breaks off when a reader does not read, and tells once how it ended.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

import { toWire, type Refusal } from "@smcp/core";

import type { Desk } from "./desk.ts";
import { Place } from "./ring.ts";

/** Status and headers on their way to the caller; hooks may change both. `headers` is a flat list of names and values. */
export interface ReplyHead {
  status: number;
  headers: string[];
}

/** How an answer ended. */
export interface Ending {
  /** 0 when nothing was sent. */
  readonly status: number;
  readonly bytes: number;
  /** False when the caller left, or the answer was broken off. */
  readonly complete: boolean;
}

// How long the rest of an upload is still read after an early answer, so that the caller gets to see it.
const LINGER = 500;
const LARGE = 16 * 1_024;
const KEEP_ALIVE = Buffer.from(":\n\n");
const BOUNDARY = /(?:^|\n\n|\r\r|\n\r\n|\r\r\n)$/;

export class Reply {
  /** Stands in `X-Request-Id` and in every error. Whoever admits the request may put the caller's own in its place. */
  requestId: string;
  /** Set where the caller waits to be told that its body is wanted. */
  isAwaited = false;
  /** Set where the connection must not carry another request. */
  isLast = false;
  /** What the answer refuses, once it does. */
  refusal: Refusal | undefined;
  /** Set on a stream that stays open by design: a shutdown does not wait for it. */
  isStanding = false;

  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse;
  readonly #desk: Desk;
  // Made when first used: most answers need one hook and no queue.
  #onHead: ((head: ReplyHead) => void)[] | undefined;
  #onClosed: ((ending: Ending) => void)[] | undefined;
  #onDrain: (() => void)[] | undefined;
  /** Headers that have not left yet: they wait for the end of the turn, or for an end of the answer before that. */
  #held: string[] | undefined;
  #queue: Uint8Array[] | undefined;
  #queued = 0;
  #isScheduled = false;
  #status = 0;
  #bytes = 0;
  #isClosed = false;
  #isEventStream = false;
  #watched: Place<Reply> | undefined;
  #tail = "";
  #lastWrite = 0;
  #blockedSince: number | undefined;
  #isEnded = false;

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, desk: Desk, requestId: string) {
    this.requestId = requestId;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#desk = desk;
    outgoing.on("close", () => this.#close());
  }

  /** True once status and headers are decided. */
  get isStarted(): boolean {
    return this.#status !== 0;
  }

  /** True once nothing can be written any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Lets `hook` see and change status and headers before they go out. */
  onHead(hook: (head: ReplyHead) => void): void {
    (this.#onHead ??= []).push(hook);
  }

  /** Calls `hook` exactly once when the answer is over; at once if it is over already. */
  onClosed(hook: (ending: Ending) => void): void {
    if (this.#isClosed) hook(this.#ending());
    else (this.#onClosed ??= []).push(hook);
  }

  /** Sends status and headers. With `flush` they leave at the end of this turn though no body follows yet. */
  start(status: number, headers: string[], flush = false): void {
    if (this.#isClosed || this.isStarted) return;
    const head: ReplyHead = { status, headers };
    if (this.#onHead) for (const hook of this.#onHead) hook(head);
    head.headers.push("x-request-id", this.requestId);
    if (this.#mustClose()) head.headers.push("connection", "close");
    this.#status = head.status;
    if (flush) {
      this.#held = head.headers;
      this.#isEventStream = isEventStream(head.headers);
      this.#schedule();
    } else this.#outgoing.writeHead(head.status, head.headers);
  }

  /** Adds to the body. False when the reader is slow: wait for {@link onceDrained}. */
  write(chunk: Uint8Array): boolean {
    if (this.#isClosed || this.#isEnded) return true;
    if (chunk.length >= LARGE) {
      // Gains nothing by waiting for more, and would be copied for it.
      this.#flush();
      this.#put(chunk);
      this.#desk.garbage.passed(chunk.length);
    } else {
      (this.#queue ??= []).push(chunk);
      this.#queued += chunk.length;
      this.#schedule();
    }
    return this.#blockedSince === undefined;
  }

  /** Ends the body, with a last chunk if there is one. */
  end(chunk?: Uint8Array): void {
    if (this.#isClosed || this.#isEnded) return;
    this.#isEnded = true;
    if (chunk && this.#queue) {
      this.#queue.push(chunk);
      this.#queued += chunk.length;
    }
    const rest = this.#queue ? this.#gather() : chunk;
    this.#unwatch();
    // All of it is here before anything has left: a length costs less than a chunk and its end.
    if (this.#held && mayHaveLength(this.#status)) this.#held.push("content-length", String(rest?.length ?? 0));
    this.#release();
    if (rest) {
      this.#bytes += rest.length;
      this.#outgoing.end(rest);
    } else this.#outgoing.end();
    // What the reader has not taken yet may wait as long as any other write.
    if (this.#outgoing.writableLength > 0) this.#block();
    this.#lingerIfUnread();
  }

  /** A whole answer at once. */
  send(status: number, headers: string[], body: Uint8Array): void {
    if (this.isStarted) return;
    this.start(status, [...headers, "content-length", String(body.length)]);
    this.end(body);
  }

  /**
   * Answers with a refusal; when the answer is under way already, breaks it off instead: a broken stream is honest, a
   * forged end is not.
   *
   * @param id the message's own id as raw JSON text, `undefined` when it is not known
   */
  refuse(refusal: Refusal, id?: string): void {
    if (this.#isEnded) return;
    this.refusal ??= refusal;
    if (this.isStarted) {
      this.abort();
      return;
    }
    const wire = toWire(refusal, this.requestId, id);
    this.send(wire.status, Object.entries(wire.headers).flat(), Buffer.from(wire.body));
  }

  /** Breaks the connection: the caller sees that the answer is not whole. */
  abort(): void {
    this.#outgoing.destroy();
  }

  /** Calls `resume` once the reader has caught up, or never if it left. */
  onceDrained(resume: () => void): void {
    if (this.#blockedSince === undefined) resume();
    else (this.#onDrain ??= []).push(resume);
  }

  /** Tells a caller that waits for it to send its body. */
  invite(): void {
    if (this.isAwaited) this.#outgoing.writeContinue();
  }

  /** Called by the desk about once a second. */
  beat(now: number, silence: number, writeLimit: number): void {
    if (this.#blockedSince !== undefined) {
      if (now - this.#blockedSince > writeLimit) this.abort();
    } else if (this.#isEventStream && now - this.#lastWrite >= silence && BOUNDARY.test(this.#tail)) {
      this.write(KEEP_ALIVE);
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      if (this.#isClosed || this.#isEnded) return;
      if (this.#queue) this.#flush();
      else if (this.#held) {
        this.#release();
        this.#outgoing.flushHeaders();
      }
    });
  }

  /** Lets the headers go. An answer that is still open after the turn it began in is a stream to be looked after. */
  #release(): void {
    if (!this.#held) return;
    this.#outgoing.writeHead(this.#status, this.#held);
    this.#held = undefined;
    if (this.#isEnded) return;
    this.#lastWrite = this.#desk.now();
    if (this.#isEventStream) this.#watch();
  }

  #flush(): void {
    const chunk = this.#gather();
    if (chunk) this.#put(chunk);
  }

  #put(chunk: Uint8Array): void {
    this.#release();
    this.#bytes += chunk.length;
    if (this.#isEventStream) {
      this.#lastWrite = this.#desk.now();
      this.#tail = (this.#tail + Buffer.from(chunk.subarray(-4)).toString("latin1")).slice(-4);
    }
    if (!this.#outgoing.write(chunk)) this.#block();
  }

  #block(): void {
    if (this.#blockedSince !== undefined) return;
    this.#blockedSince = this.#desk.now();
    this.#watch();
    this.#outgoing.once("drain", () => {
      this.#blockedSince = undefined;
      if (!this.#isEventStream) this.#unwatch();
      const waiting = this.#onDrain ?? [];
      this.#onDrain = undefined;
      for (const resume of waiting) resume();
    });
  }

  #watch(): void {
    if (this.#watched) return;
    this.#watched = new Place<Reply>(this);
    this.#desk.watch(this.#watched);
  }

  #unwatch(): void {
    this.#watched?.leave();
    this.#watched = undefined;
  }

  #gather(): Uint8Array | undefined {
    const queue = this.#queue;
    if (!queue) return undefined;
    const total = this.#queued;
    this.#queue = undefined;
    this.#queued = 0;
    this.#desk.garbage.passed(total);
    return queue.length === 1 ? queue[0] : this.#desk.slab.join(queue, total);
  }

  #mustClose(): boolean {
    return this.isLast || this.#desk.isDraining || this.#isUploadPending();
  }

  #isUploadPending(): boolean {
    return !this.#incoming.complete && hasBody(this.#incoming);
  }

  #lingerIfUnread(): void {
    if (!this.#isUploadPending()) return;
    const { socket } = this.#incoming;
    this.#incoming.resume();
    setTimeout(() => socket.destroy(), LINGER).unref();
  }

  #close(): void {
    this.#isClosed = true;
    this.#queue = undefined;
    this.#unwatch();
    const hooks = this.#onClosed;
    if (!hooks) return;
    this.#onClosed = undefined;
    const ending = this.#ending();
    for (const hook of hooks) hook(ending);
  }

  #ending(): Ending {
    return { status: this.#status, bytes: this.#bytes, complete: this.#outgoing.writableFinished };
  }
}

/** False for the answers that have no body by definition. */
function mayHaveLength(status: number): boolean {
  return status !== 204 && status !== 304;
}

/** True when a request announces a body, however it is framed. */
function hasBody(incoming: IncomingMessage): boolean {
  const { "content-length": length, "transfer-encoding": coding } = incoming.headers;
  return coding !== undefined || (length !== undefined && length !== "0");
}

function isEventStream(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === "content-type") return (headers[i + 1] ?? "").startsWith("text/event-stream");
  }
  return false;
}
