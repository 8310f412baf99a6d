/**
 * The stream that an app keeps open for what the server says by itself: ours, with comments, until the server's own can be
 * joined to it. What comes from there goes on byte for byte.
 */
import { randomUUID } from "node:crypto";

import { mediaType } from "@smcp/core";
import type { RelayRequest, Reply, UpstreamHeaders } from "@smcp/edge";

import { deliver } from "../deliver.ts";
import type { Gateway } from "../gateway.ts";
import { receive, type Sink } from "../stdio/receive.ts";

const HEAD = ["content-type", "text/event-stream", "cache-control", "no-cache"];

export class LocalStream {
  readonly #gateway: Gateway;
  readonly #reply: Reply;
  #break: (() => void) | undefined;

  /** Opens the answer to the app's GET. */
  constructor(gateway: Gateway, reply: Reply) {
    this.#gateway = gateway;
    this.#reply = reply;
    reply.isStanding = true;
    reply.start(200, [...HEAD], true);
    reply.write(Buffer.from(": waiting for the sign-in\n\n"));
    reply.onClosed(() => this.#break?.());
  }

  /** Sends a message of our own. */
  say(message: string): void {
    this.#reply.write(Buffer.from(`event: message\ndata: ${message}\n\n`));
  }

  /** Opens the server's stream and lets it go on as this one. A server that has none leaves this one open. */
  join(request: RelayRequest): void {
    const reply = this.#reply;
    void deliver(this.#gateway, {
      requestId: randomUUID(),
      request,
      send: (request, plan) => {
        this.#break = receive(this.#gateway.pool, request, plan, this.#sink());
      },
      // The app opens another one, and that is the server's own affair.
      fail: () => this.end(),
      isGone: () => reply.isClosed,
    });
  }

  end(): void {
    this.#reply.end();
  }

  #sink(): Sink {
    const reply = this.#reply;
    return {
      head: (status, headers) => {
        if (status === 200 && isEventStream(headers)) return;
        this.#break?.();
        if (status !== 405) this.end();
      },
      data: (chunk) => (reply.write(chunk) ? undefined : new Promise((resolve) => reply.onceDrained(resolve))),
      end: () => this.end(),
      broken: () => reply.abort(),
    };
  }
}

function isEventStream(headers: UpstreamHeaders): boolean {
  const type = headers["content-type"];
  return mediaType(typeof type === "string" ? type : "") === "text/event-stream";
}
