/** HTTP backends: the caller's bytes to the configured URL, the backend's bytes back, in whatever era the two ends speak. */
import type { HttpBackend } from "@smcp/config";
import { formatDuration, refuse, type Log, type Refusal, type SseFilter } from "@smcp/core";
import {
  Deadlines,
  UpstreamPool,
  openTrust,
  relay,
  type RelayFailure,
  type RelayPlan,
  type Reply,
  type UpstreamHeaders,
  passResponseHeaders,
} from "@smcp/edge";

import { holdsOpen } from "../exchange/standing.ts";
import { requestHeaders } from "./headers.ts";
import { endpointFilter } from "./http-endpoint.ts";
import type { Outbound, Upstream } from "./upstream.ts";

const CONNECT_TIMEOUT = 10_000;

/**
 * Opens an HTTP backend. Nothing is connected before the first request.
 *
 * @throws Failure when a file of its certificates cannot be used
 */
export function httpUpstream(backend: HttpBackend, log: Log): Upstream {
  const { id, timeout, tls, url } = backend;
  const named = `ca_file, client_cert_file and client_key_file of the backend "${id}"`;
  const trust = tls && openTrust({ ...tls, named }, log);
  const pool = new UpstreamPool(url.origin, Math.min(CONNECT_TIMEOUT, timeout), trust);
  const deadlines = new Deadlines(timeout);
  const target = targetOf(backend);
  const part = { backend, deadlines, log };
  return {
    send(outbound, reply) {
      if (holdsOpen(outbound.method, outbound.message)) reply.isStanding = true;
      // HTTP+SSE knows no headers that say what the body says, and nobody compared them.
      const isCompared = outbound.era === "modern" && !backend.sse;
      const headers = requestHeaders(outbound.headers, backend.forwardHeaders, isCompared);
      if (outbound.sessionId !== undefined) headers.push("mcp-session-id", outbound.sessionId);
      headers.push(...outbound.added);
      const { method, body, endpoint, message } = outbound;
      // The caller's own query stays behind: it could name another session than the one that was given to it.
      const path = endpoint?.target ?? target(outbound);
      const events = endpoint && method === "GET" ? endpointFilter(new URL(url.origin + path), endpoint) : undefined;
      relay(pool, { method, path, headers, body }, reply, new Plan(part, reply, message?.id, events));
    },
    close: () => Promise.resolve(pool.destroy()),
  };
}

/** How requests for a backend are spelled upstream: compiled once from its URL. */
function targetOf({ url, path, stripPath }: HttpBackend): (outbound: Outbound) => string {
  const { pathname, search } = url;
  const base = pathname === "/" ? "" : pathname.replace(/\/$/, "");
  const ownQuery = search.slice(1);
  return ({ below, query }) => {
    const kept = stripPath ? below : `${path === "/" ? "" : path}${below}`;
    const to = stripPath && (below === "" || below === "/") ? pathname : `${base}${kept}` || "/";
    const both = ownQuery && query ? `${ownQuery}&${query}` : ownQuery || query;
    return both ? `${to}?${both}` : to;
  };
}

/** What all answers of a backend have in common. */
interface Part {
  readonly backend: HttpBackend;
  readonly deadlines: Deadlines;
  readonly log: Log;
}

/** What becomes of one backend's answer. */
class Plan implements RelayPlan {
  filter: SseFilter | undefined;
  readonly #part: Part;
  readonly #reply: Reply;
  readonly #id: string | undefined;
  #refusal: Refusal | undefined;

  constructor(part: Part, reply: Reply, id: string | undefined, filter: SseFilter | undefined) {
    this.filter = filter;
    this.#part = part;
    this.#reply = reply;
    this.#id = id;
  }

  get deadlines(): Deadlines {
    return this.#part.deadlines;
  }

  head(status: number, headers: UpstreamHeaders): string[] | string {
    // A refusal to open a stream is none, whatever it looks like.
    if (status >= 300) this.filter = undefined;
    const reason = this.#unwanted(status, headers);
    return reason ?? passResponseHeaders(headers);
  }

  failed(failure: RelayFailure): void {
    const { backend, log } = this.#part;
    const server = backend.id;
    const refusal = this.#refusal ?? this.#refusalOf(failure);
    log.warn({ server, request_id: this.#reply.requestId, reason: failure.reason }, "a backend failed");
    this.#reply.refuse(refusal, this.#id);
  }

  #unwanted(status: number, headers: UpstreamHeaders): string | undefined {
    const server = this.#part.backend.id;
    if (status === 401 || status === 403) {
      // The caller must not sign in at the backend: that is between the gateway and it.
      this.#refusal = refuse("BACKEND_CREDENTIAL", { server });
      return `it answered ${status}`;
    }
    if (status >= 300 && status < 400) return `it answered ${status}: redirects are not followed`;
    const encoding = headers["content-encoding"];
    return encoding === undefined || encoding === "identity"
      ? undefined
      : "its answer is compressed, which was not asked for";
  }

  #refusalOf({ kind }: RelayFailure): Refusal {
    const { id: server, timeout } = this.#part.backend;
    if (kind === "slow") return refuse("BACKEND_SLOW", { server, limit: formatDuration(timeout) });
    return refuse("BACKEND_FAILED", { server });
  }
}
