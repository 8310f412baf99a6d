/**
 * Fetches small documents from issuers and servers: bounded in size and time, redirects never followed, and only what a
 * reader of them needs of the answer's headers.
 */
import type { Bytes, Duration } from "@smcp/core";
import { openPool, type Trust } from "@smcp/edge";

const MAX_DOCUMENT: Bytes = 256 * 1_024;
const KEPT = ["content-type", "date", "retry-after"];

/** A request as openid-client makes it. */
interface FetchOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text, or something whose text it is. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Answers with the whole document; rejects when it is too large, late or out of reach. */
export type BoundedFetch = (url: string, options?: FetchOptions) => Promise<Response>;

/**
 * Builds the fetcher.
 *
 * @param timeout for connecting; the whole request is bounded by its signal, or by the same time where it has none
 * @param trust whom to trust besides the system's authorities
 */
export function boundedFetch(timeout: Duration, trust?: Trust): BoundedFetch {
  return async (url, options = {}) => {
    // One connection for one document: a kept one would hold the program up at its end.
    const pool = openPool(new URL(url).origin, timeout, trust);
    try {
      const { statusCode, headers, body } = await pool.request({
        path: pathOf(url),
        method: options.method === "POST" ? "POST" : "GET",
        headers: { ...options.headers, "accept-encoding": "identity" },
        body: textOf(options.body),
        signal: options.signal ?? AbortSignal.timeout(timeout),
      });
      const kept = KEPT.flatMap((name) => (typeof headers[name] === "string" ? [[name, headers[name]]] : []));
      const bytes = await readAll(body);
      // A Response with one of these statuses may not have a body, not even an empty one.
      const isEmpty = statusCode === 204 || statusCode === 205 || statusCode === 304;
      return new Response(isEmpty ? null : bytes, { status: statusCode, headers: kept as [string, string][] });
    } finally {
      await pool.destroy();
    }
  };
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

function textOf(body: unknown): string | null {
  if (typeof body === "string") return body;
  return body instanceof URLSearchParams ? body.toString() : null;
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > MAX_DOCUMENT) throw new Error(`the document is larger than ${MAX_DOCUMENT} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts, size);
}
