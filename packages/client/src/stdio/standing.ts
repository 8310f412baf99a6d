/**
 * The stream on which the server speaks by itself (legacy era): opened once the app is initialised, opened again when it
 * breaks, from where it broke. A server that has none says so and is left in peace.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";

import { isRefusal, readMessageText, SseReader, type Duration } from "@smcp/core";
import type { UpstreamHeaders } from "@smcp/edge";

import { backOff } from "../back-off.ts";
import { deliver } from "../deliver.ts";
import { MAX_ANSWER, type PostParts } from "./post.ts";
import { receive, type Sink } from "./receive.ts";

/** How one connection ended; `absent`: there is nothing to connect to. */
type End = "absent" | "ended" | "failed";

const LONGEST_PAUSE: Duration = 60_000;
/** A stream that lasted so long was a good one: the pauses after it begin anew. */
const STEADY: Duration = 10_000;

export class Standing {
  readonly #parts: PostParts;
  readonly #stopped = new AbortController();
  #lastEventId: string | undefined;
  #break: (() => void) | undefined;
  #finish: ((end: End) => void) | undefined;

  constructor(parts: PostParts) {
    this.#parts = parts;
  }

  /** Keeps the stream open until it is stopped or the server has none. Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.#stopped;
    let failures = 0;
    while (!signal.aborted) {
      const from = performance.now();
      const { end, retry } = await this.#once();
      if (end === "absent") return;
      failures = performance.now() - from > STEADY ? 1 : failures + 1;
      const pause = Math.min(retry ?? backOff(failures, Math.random()), LONGEST_PAUSE);
      await wait(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  stop(): void {
    this.#stopped.abort();
    this.#break?.();
    this.#finish?.("ended");
  }

  #once(): Promise<{ end: End; retry: Duration | undefined }> {
    const { gateway, path, session, output } = this.#parts;
    const { signal } = this.#stopped;
    return new Promise((resolve) => {
      const events = new SseReader(MAX_ANSWER, ({ data }) => this.#print(data));
      let status = 0;
      const finish = (end: End): void => resolve({ end, retry: events.retry });
      const sink: Sink = {
        head: (received, headers) => {
          status = received;
          if (status >= 400 || !isEventStream(headers)) {
            this.#break?.();
            finish(status >= 500 ? "failed" : "absent");
          }
        },
        data: (chunk) => {
          events.push(chunk);
          this.#lastEventId = events.lastEventId ?? this.#lastEventId;
          return output.hasRoom ? undefined : output.drained();
        },
        end: () => finish("ended"),
        broken: () => finish("ended"),
      };
      this.#finish = finish;
      void deliver(gateway, {
        requestId: randomUUID(),
        request: {
          method: "GET",
          path,
          headers: session.otherHeaders("text/event-stream", this.#lastEventId),
          body: null,
        },
        send: (request, plan) => {
          this.#break = receive(gateway.pool, request, plan, sink);
        },
        fail: ({ refused, reason }) => {
          gateway.log.debug({ code: refused, reason }, "the server's stream is not open");
          finish("failed");
        },
        isGone: () => signal.aborted,
      });
    });
  }

  #print(text: string): void {
    const read = readMessageText(text);
    if (!isRefusal(read) || read.refused !== "NOT_JSON") this.#parts.output.write(text);
  }
}

function isEventStream(headers: UpstreamHeaders): boolean {
  const type = headers["content-type"];
  return typeof type === "string" && type.startsWith("text/event-stream");
}
