/** The connections to one upstream: kept while they may serve again, as many at once as there are requests. */
import type { Duration } from "@smcp/core";

import type { Trust } from "../certificates.ts";
import { connector, type Connect } from "./connect.ts";
import { Connection, type Keeper, type Receiver } from "./connection.ts";

/** One request, whole. */
export interface RelayRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** With its query. */
  readonly path: string;
  /** Flat list of names and values; the pool adds `host`, `connection` and `content-length`. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | null;
}

/** How long a connection is kept while nothing happens, unless the other end wants less. */
const KEPT: Duration = 30_000;
/** The other end must not close a connection while a request is on its way to it. */
const MARGIN: Duration = 1_000;
const SWEEP: Duration = 5_000;
/** Idle connections at once: more are of no use after a peak. */
const MAX_IDLE = 256;
const PATH = /^\/[\x21-\x7e]*$/;
// Characters beyond a byte too: written as one, U+010A is a line feed.
const BREAKS = /[^\t\x20-\x7e\x80-\xff]/;

export class UpstreamPool implements Keeper {
  readonly #connect: Connect;
  readonly #host: string;
  readonly #open = new Set<Connection>();
  /** The one used last comes first: the others may end. */
  readonly #idle: Connection[] = [];
  #sweeper: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(origin: string, connectTimeout: Duration, trust?: Trust) {
    const url = new URL(origin);
    this.#connect = connector({ origin: url, timeout: connectTimeout, trust });
    this.#host = url.host;
  }

  /**
   * Sends a request. The receiver hears of the answer later, never during this call.
   *
   * @throws {TypeError} for a path or a header that cannot be sent
   */
  send(request: RelayRequest, receiver: Receiver): Connection {
    if (this.#isClosed) throw new TypeError("the pool is closed");
    const head = this.#headOf(request);
    const connection = this.#take();
    connection.send(head, request.body, receiver);
    return connection;
  }

  /** Breaks everything off. */
  destroy(): void {
    this.#isClosed = true;
    clearInterval(this.#sweeper);
    for (const connection of this.#open) connection.close(new Error("the pool is closed"));
  }

  onIdle(connection: Connection): void {
    const { keptFor } = connection;
    const kept = keptFor === undefined ? KEPT : Math.min(KEPT, keptFor * 1_000 - MARGIN);
    if (this.#isClosed || kept <= 0 || this.#idle.length >= MAX_IDLE) {
      connection.close();
      return;
    }
    connection.usableUntil = performance.now() + kept;
    this.#idle.push(connection);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP).unref();
  }

  onGone(connection: Connection): void {
    this.#open.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  #take(): Connection {
    const now = performance.now();
    for (let one = this.#idle.pop(); one; one = this.#idle.pop()) {
      if (one.isUsable && one.usableUntil > now) return one;
      one.close();
    }
    const connection = new Connection(this.#connect, this);
    this.#open.add(connection);
    return connection;
  }

  #sweep(): void {
    const now = performance.now();
    for (const one of this.#idle.filter(({ usableUntil }) => usableUntil <= now)) one.close();
    if (this.#idle.length > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #headOf({ method, path, headers, body }: RelayRequest): string {
    if (!PATH.test(path)) throw new TypeError("the path cannot be sent");
    let head = `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\nconnection: keep-alive\r\n`;
    for (let i = 0; i < headers.length; i += 2) {
      const value = headers[i + 1] as string;
      if (BREAKS.test(value)) throw new TypeError(`the header "${headers[i]}" cannot be sent`);
      head += `${headers[i]}: ${value}\r\n`;
    }
    if (body || method === "POST") head += `content-length: ${body?.length ?? 0}\r\n`;
    return `${head}\r\n`;
  }
}
