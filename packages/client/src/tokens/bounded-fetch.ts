/**
 * Fetches small documents from issuers and servers: bounded in size and time, redirects never followed, and only what a
 * reader of them needs of the answer's headers.
 */
import type { Bytes, Duration } from "@smcp/core";
import { fetchDocument, type Trust } from "@smcp/edge";

const MAX_DOCUMENT: Bytes = 64 * 1_024;
const KEPT = ["content-type", "date", "location", "retry-after", "dpop-nonce"];
/** Redirects of metadata within its own origin: a slash at the end, say. */
const MAX_REDIRECTS = 3;

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
    const { status, headers, body } = await fetchDocument(new URL(url), {
      method: options.method === "POST" ? "POST" : "GET",
      headers: { ...options.headers },
      body: textOf(options.body),
      timeout,
      signal: options.signal ?? AbortSignal.timeout(timeout),
      limit: MAX_DOCUMENT,
      trust,
    });
    const kept = KEPT.flatMap((name) => (typeof headers[name] === "string" ? [[name, headers[name]]] : []));
    // A Response with one of these statuses may not have a body, not even an empty one.
    const isEmpty = status === 204 || status === 205 || status === 304;
    return new Response(isEmpty ? null : body, { status, headers: kept as [string, string][] });
  };
}

function textOf(body: unknown): string | null {
  if (typeof body === "string") return body;
  return body instanceof URLSearchParams ? body.toString() : null;
}

/** What stands at a place: a JSON object, nothing of the kind, or why that cannot be said. */
export type DocumentAnswer =
  | { readonly document: Readonly<Record<string, unknown>> }
  | { readonly absent: true }
  | { readonly failure: string };

/** Reads a JSON document, following redirects within its origin alone; rejects when it is too large, late or out of reach. */
export async function readDocument(place: string, fetch: BoundedFetch): Promise<DocumentAnswer> {
  let url = place;
  for (let redirects = 0; ; redirects++) {
    const response = await fetch(url, { headers: { accept: "application/json" } });
    const { status } = response;
    if (status >= 300 && status < 400) {
      const next = URL.parse(response.headers.get("location") ?? "", url);
      if (next?.origin !== new URL(url).origin) return { failure: `${url} redirects to another origin` };
      if (redirects === MAX_REDIRECTS) return { failure: `${place} redirects without end` };
      url = next.href;
      continue;
    }
    if (status >= 500) return { failure: `${url} answered ${status}` };
    if (status !== 200) return { absent: true };
    const document = objectIn(await response.text());
    return document ? { document } : { failure: `${url} holds no JSON object` };
  }
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
