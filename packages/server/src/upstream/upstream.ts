import type { Era, HeaderMap, Message } from "@smcp/core";
import type { Reply } from "@smcp/edge";

/** One request on its way to a backend: everything is decided, only the sending is left. */
export interface Outbound {
  readonly method: "GET" | "POST" | "DELETE";
  /** What stands below the backend's path: `""`, `"/"` or `"/x/y"`, percent-encoding as it came. */
  readonly below: string;
  /** Without its `?`. */
  readonly query: string;
  /** The caller's headers. */
  readonly headers: HeaderMap;
  /** Headers of ours that an HTTP backend gets beside the caller's: a flat list of names and values. */
  readonly added: readonly string[];
  /** The caller's own bytes; `null` without a body. */
  readonly body: Buffer | null;
  /** The message in the body; absent without one. */
  readonly message: Message | undefined;
  readonly era: Era;
  /** The backend's own session id, as the backend knows it. */
  readonly sessionId: string | undefined;
  /** Issuer and subject of the caller in one text; `""` for the anonymous. */
  readonly caller: string;
  /** Of a backend that speaks the HTTP+SSE of 2024-11-05 only. */
  readonly endpoint: Endpoint | undefined;
}

/** Where a stream of 2024-11-05 wants its messages: the backend names a place, the caller gets one that only it can use. */
export interface Endpoint {
  /** The caller's path in place of a path and query at the backend. */
  conceal(target: string): string;
  /** The path and query at the backend that this request is for; `undefined`: what its path says. */
  readonly target: string | undefined;
}

/**
 * A backend that requests can be sent to: a port with two adapters, HTTP and stdio.
 *
 * `send` answers on `reply`, always and exactly once, with a refusal of the catalogue when the backend fails; it does not
 * throw and returns at once. Calls overlap freely. It never retries. When the caller leaves, the backend is told where its
 * transport has a way to. A header `mcp-session-id` that it sends to `reply` is the backend's own: hooks wrap it.
 */
export interface Upstream {
  send(outbound: Outbound, reply: Reply): void;
  /** Ends what is open: sessions, children, connections. Resolves when nothing is left. */
  close(): Promise<void>;
}
