/** Sends a request of the client's own, in an app's name, and reads the one message that answers it. */
import { randomUUID } from "node:crypto";

import { isRefusal, mediaType, readMessageText, SseReader, type Bytes, type Duration, type Refusal } from "@smcp/core";
import type { RelayRequest, UpstreamHeaders } from "@smcp/edge";

import { deliver } from "../deliver.ts";
import type { Gateway } from "../gateway.ts";
import { receive, type Sink } from "../stdio/receive.ts";

/** What the server answered. */
export interface Answer {
  readonly status: number;
  readonly headers: UpstreamHeaders;
  /** The message that answers; "" where there is none. */
  readonly text: string;
}

const MAX_ANSWER: Bytes = 4 << 20;
/** For the body, once its headers are there: those have the server's time-out. */
const BODY_TIME: Duration = 30_000;

/**
 * Asks. Never rejects; an answer that breaks off, or does not end in time, has the text "".
 *
 * @param id of the request, raw JSON text; `undefined` for a notification
 */
export function ask(gateway: Gateway, request: RelayRequest, id: string | undefined): Promise<Answer | Refusal> {
  const { promise, resolve } = Promise.withResolvers<Answer | Refusal>();
  const asked = new Asked(id, resolve);
  void deliver(gateway, {
    requestId: randomUUID(),
    request,
    send: (request, plan) => {
      asked.break = receive(gateway.pool, request, plan, asked);
    },
    fail: resolve,
    isGone: () => false,
  });
  return promise;
}

class Asked implements Sink {
  break: (() => void) | undefined;

  readonly #id: string | undefined;
  readonly #settle: (answer: Answer) => void;
  #head: Omit<Answer, "text"> = { status: 0, headers: {} };
  #events: SseReader | undefined;
  #chunks: Buffer[] = [];
  #size = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(id: string | undefined, settle: (answer: Answer) => void) {
    this.#id = id;
    this.#settle = settle;
  }

  head(status: number, headers: UpstreamHeaders): void {
    this.#head = { status, headers };
    this.#timer = setTimeout(() => this.#end(""), BODY_TIME);
    const type = headers["content-type"];
    if (mediaType(typeof type === "string" ? type : "") === "text/event-stream") {
      this.#events = new SseReader(MAX_ANSWER, ({ data }) => {
        const message = readMessageText(data);
        if (!isRefusal(message) && message.kind === "response" && message.id === this.#id) this.#end(data);
      });
    }
  }

  data(chunk: Buffer): undefined {
    this.#size += chunk.length;
    if (this.#size > MAX_ANSWER) this.#end("");
    else if (this.#events) this.#events.push(chunk);
    else this.#chunks.push(chunk);
  }

  end(): void {
    this.#end(this.#events ? "" : Buffer.concat(this.#chunks).toString());
  }

  broken(): void {
    this.#end("");
  }

  #end(text: string): void {
    clearTimeout(this.#timer);
    this.break?.();
    this.#settle({ ...this.#head, text });
  }
}
