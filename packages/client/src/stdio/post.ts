/** One message of the app on its way: its POST, and what comes back as lines. */
import { randomUUID } from "node:crypto";

import {
  catalogue,
  isRefusal,
  mediaType,
  readMessageText,
  refuse,
  SseReader,
  toWire,
  type Bytes,
  type Entry,
  type Message,
  type Refusal,
} from "@smcp/core";
import type { UpstreamHeaders } from "@smcp/edge";

import { deliver } from "../deliver.ts";
import type { Gateway } from "../gateway.ts";
import type { Sent } from "../local/conversation.ts";
import { answerTo } from "../local/greeting.ts";
import type { FirstMessage } from "../local/reception.ts";
import type { Outcome } from "../metrics.ts";
import type { Output } from "./output.ts";
import { receive, type Sink } from "./receive.ts";
import type { Session } from "./session.ts";
import type { SignedOut } from "./signed-out.ts";

/** The largest answer or event that fits on a line. */
export const MAX_ANSWER: Bytes = 64 << 20;

/** What every message of a bridge has in common. */
export interface PostParts {
  readonly gateway: Gateway;
  /** The path at the server. */
  readonly path: string;
  readonly session: Session;
  readonly output: Output;
  /** What the app says while nobody is signed in. `undefined`: there is no sign-in that could come. */
  readonly signedOut: SignedOut | undefined;
}

/** Sends the message's own bytes; everything that comes back for it goes to the output. */
export class Post implements Sink {
  readonly message: Message;
  /** Fulfilled when nothing more comes: true when the server took the message. */
  readonly settled: Promise<boolean>;

  readonly #parts: PostParts;
  readonly #settle: (accepted: boolean) => void;
  readonly #started = performance.now();
  readonly #requestId = randomUUID();
  #break: (() => void) | undefined;
  #status = 0;
  #events: SseReader | undefined;
  #chunks: Buffer[] = [];
  #size = 0;
  #isAnswered = false;
  #isOver = false;

  constructor(message: Message, parts: PostParts) {
    this.message = message;
    this.#parts = parts;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.settled = promise;
    this.#settle = resolve;
  }

  /** Sends, or answers what the client must answer by itself. Rejects only on a bug. */
  async send(): Promise<void> {
    const { signedOut } = this.#parts;
    const step = signedOut?.isActive ? await signedOut.step(this.#sent()) : "relay";
    if (this.#isOver) return;
    if (isRefusal(step)) this.fail(step);
    else if (step === "relay") await this.#deliver(false);
    else this.#answer(step === "pong" ? answerTo(this.message.id ?? "null", "{}") : undefined);
  }

  #sent(): Sent {
    const { path, session } = this.#parts;
    return { message: this.message, path, headers: session.postHeaders(this.message) };
  }

  #deliver(isRepeated: boolean): Promise<void> {
    const { gateway, signedOut } = this.#parts;
    const sent = this.#sent();
    const { path, headers } = sent;
    return deliver(gateway, {
      requestId: this.#requestId,
      request: { method: "POST", path, headers: [...headers], body: Buffer.from(this.message.text) },
      send: (request, plan) => {
        this.#break = receive(gateway.pool, request, plan, this);
      },
      fail: (refusal) => {
        if (signedOut && refusal.refused === "SIGN_IN_PENDING") {
          void this.#welcome(signedOut, { ...sent, refusal, isRepeated, isGone: () => this.#isOver });
        } else this.fail(refusal);
      },
      isGone: () => this.#isOver,
    });
  }

  /** Never rejects. */
  async #welcome(signedOut: SignedOut, first: FirstMessage): Promise<void> {
    const welcome = await signedOut.welcome(first);
    if (this.#isOver) return;
    if (welcome === "again") await this.#deliver(true);
    else if (isRefusal(welcome)) this.fail(welcome);
    else this.#answer(welcome.answer);
  }

  #answer(text: string | undefined): void {
    if (text !== undefined) this.#parts.output.write(text);
    this.#isAnswered = true;
    this.#end(true, "local");
  }

  /** Breaks it off without a word to the app. */
  abort(): void {
    if (this.#isOver) return;
    this.#break?.();
    this.#end(false, "broken");
  }

  /** Answers with an error, where the message is one that is answered. */
  fail(refusal: Refusal): void {
    if (this.#isOver) return;
    const { gateway, output } = this.#parts;
    gateway.board.failed(refusal);
    const { refused, reason } = refusal;
    const entry: Entry = catalogue[refused];
    const { kind, method, id } = this.message;
    gateway.log[entry.level]({ request_id: this.#requestId, code: refused, method, reason }, "refused");
    if (kind === "request" && !this.#isAnswered) output.write(toWire(refusal, this.#requestId, id).body);
    this.#end(false, refused);
  }

  head(status: number, headers: UpstreamHeaders): void {
    this.#status = status;
    const { session } = this.#parts;
    if (this.message.method === "initialize" && status < 300) session.begin(headers);
    const type = headers["content-type"];
    if (status < 300 && mediaType(typeof type === "string" ? type : "") === "text/event-stream") {
      this.#events = new SseReader(MAX_ANSWER, ({ data }) => this.#print(data));
    }
  }

  data(chunk: Buffer): Promise<void> | undefined {
    if (this.#events) {
      if (!this.#events.push(chunk)) this.#tooLarge();
      return this.#parts.output.hasRoom ? undefined : this.#parts.output.drained();
    }
    this.#size += chunk.length;
    if (this.#size <= MAX_ANSWER) this.#chunks.push(chunk);
    else if (!this.#isOver) {
      this.#break?.();
      this.#tooLarge();
      this.fail(this.#failed());
    }
    return undefined;
  }

  end(): void {
    const isRequest = this.message.kind === "request";
    if (!this.#events) this.#readWhole();
    if (this.#isOver) return;
    if (isRequest && !this.#isAnswered) this.fail(this.#failed("the answer is missing"));
    else this.#end(this.#status < 300, "relayed");
  }

  broken(reason: string): void {
    this.fail(refuse("SERVER_AWAY", { server: this.#parts.gateway.host }, { reason }));
  }

  /** An answer that came in one piece. */
  #readWhole(): void {
    const text = Buffer.concat(this.#chunks, this.#size).toString();
    this.#chunks = [];
    if (this.#status >= 400) this.#readError(text);
    else if (this.message.kind === "request" && text !== "") this.#print(text);
  }

  /** What the server says with a status goes on as the error that it is, under the id that the app waits for. */
  #readError(text: string): void {
    const error = errorIn(text);
    if (this.message.kind !== "request" || error === undefined) {
      this.fail(this.#failed(`the server answered ${this.#status}`));
      return;
    }
    this.#isAnswered = true;
    this.#parts.output.write(`{"jsonrpc":"2.0","id":${this.message.id},"error":${JSON.stringify(error)}}`);
  }

  #print(text: string): void {
    if (this.#isOver) return;
    const { gateway, session, output } = this.#parts;
    const read = readMessageText(text);
    if (isRefusal(read) && read.refused === "NOT_JSON") {
      gateway.log.warn({ request_id: this.#requestId, reason: read.reason }, "the server sent what is not JSON");
      return;
    }
    // What cannot be read for sure may be the answer: an error in its place would be a second one.
    const isAnswer = isRefusal(read) || (read.kind === "response" && read.id === this.message.id);
    if (isAnswer) this.#isAnswered = true;
    if (isAnswer && this.message.method === "initialize") session.agree(text);
    output.write(text);
  }

  #failed(reason?: string): Refusal {
    return refuse("BACKEND_FAILED", { server: this.#parts.path }, reason === undefined ? {} : { reason });
  }

  #tooLarge(): void {
    this.#parts.gateway.log.warn({ request_id: this.#requestId }, "an answer of the server is too large for a line");
  }

  #end(accepted: boolean, outcome: Outcome): void {
    this.#isOver = true;
    this.#parts.gateway.metrics.request(outcome, performance.now() - this.#started);
    this.#settle(accepted);
  }
}

function errorIn(text: string): object | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === "object" && error !== null ? error : undefined;
  } catch {
    return undefined;
  }
}
