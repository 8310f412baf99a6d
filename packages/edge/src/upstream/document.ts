/** Fetches one document over a connection of its own: bounded in size and time, no redirect followed. */
import { formatBytes, type Bytes, type Duration } from "@smcp/core";

import type { Trust } from "../certificates.ts";
import type { Receiver } from "./connection.ts";
import { UpstreamPool } from "./pool.ts";
import type { UpstreamHeaders } from "./response-head.ts";

/** How a document is asked for. */
export interface DocumentRequest {
  /** Default: GET. */
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | null;
  /** Bounds connecting. */
  readonly timeout: Duration;
  /** Bounds the whole. */
  readonly signal: AbortSignal;
  readonly limit: Bytes;
  /** Whom to trust instead of the system's authorities. */
  readonly trust?: Trust | undefined;
}

export interface Document {
  readonly status: number;
  readonly headers: UpstreamHeaders;
  readonly body: Buffer<ArrayBuffer>;
}

/** Answers with the whole document, whatever its status; rejects when it is too large, late or out of reach. */
export async function fetchDocument(url: URL, request: DocumentRequest): Promise<Document> {
  const { method = "GET", body = null, limit, signal, timeout, trust } = request;
  signal.throwIfAborted();
  const pool = new UpstreamPool(url.origin, timeout, trust);
  const headers = Object.entries({ ...request.headers, "accept-encoding": "identity" }).flat();
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<Document>((resolve, reject) => {
      onAbort = () => reject(signal.reason as Error);
      signal.addEventListener("abort", onAbort, { once: true });
      const text = body === null ? null : Buffer.from(body);
      pool.send({ method, path: url.pathname + url.search, headers, body: text }, gather(limit, resolve, reject));
    });
  } finally {
    if (onAbort) signal.removeEventListener("abort", onAbort);
    // A connection that is kept would hold the program up at its end.
    pool.destroy();
  }
}

function gather(limit: Bytes, resolve: (document: Document) => void, reject: (error: Error) => void): Receiver {
  let head: Pick<Document, "status" | "headers"> = { status: 0, headers: {} };
  const parts: Buffer[] = [];
  let size = 0;
  return {
    onHead: (status, headers) => void (head = { status, headers }),
    onData: (piece) => {
      size += piece.length;
      if (size > limit) reject(new Error(`the document is larger than ${formatBytes(limit)}`));
      else parts.push(piece);
    },
    onEnd: () => resolve({ ...head, body: Buffer.concat(parts) }),
    onFailed: reject,
  };
}
