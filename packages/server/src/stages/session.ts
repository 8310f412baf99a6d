import type { HttpBackend } from "@smcp/config";
import { go, isRefusal, refuse, type Refusal } from "@smcp/core";
import type { ReplyHead } from "@smcp/edge";

import type { Principal } from "../auth/principal.ts";
import type { Arrival, Bound, Called, GatewayBack, GatewayStage, Known, Routed } from "../exchange/facts.ts";
import type { Seal } from "../seal.ts";
import type { Endpoint } from "../upstream/upstream.ts";

type Asked = Arrival & Routed & Known & Called;

const HEADER = "mcp-session-id";
const NO_SESSION: Bound = { sessionId: undefined, endpoint: undefined };

/**
 * Binds sessions to who opened them: ids and endpoints leave wrapped and come back only from their owner. Refuses with
 * `SESSION_UNKNOWN`.
 *
 * @param seal needed where callers are asked who they are, and by backends of 2024-11-05
 * @param asksCallers where nobody is asked who they are, session ids pass as they are
 */
export function session(seal: Seal | undefined, asksCallers: boolean): GatewayStage<Asked, Bound> {
  return {
    name: "session",
    run: (asked) => {
      const { admitted, era, principal, route } = asked;
      const { backend } = route;
      const endpoint = seal && backend.kind === "http" && backend.sse ? endpointOf(seal, backend, asked) : undefined;
      if (isRefusal(endpoint)) return endpoint;
      const nowhere = endpoint ? { sessionId: undefined, endpoint } : NO_SESSION;
      const header = admitted.headers.get(HEADER);
      if (!seal || !asksCallers) return go(header === undefined ? nowhere : { sessionId: header, endpoint });
      // The modern era has no sessions: a stray id is ignored there, and never minted.
      if (era === "modern") return go(nowhere);
      const back = wrapping(seal, principal, backend.id);
      if (header === undefined) return go(nowhere, back);
      const sessionId = seal.unwrap(principal, backend.id, header);
      return sessionId === undefined ? refuse("SESSION_UNKNOWN") : go({ sessionId, endpoint }, back);
    },
  };
}

/** A session of 2024-11-05 is the path that messages are sent to: every POST below the backend's path must name one. */
function endpointOf(seal: Seal, backend: HttpBackend, { admitted, below, principal }: Asked): Endpoint | Refusal {
  const { id, path, url } = backend;
  const place = JSON.stringify([id, url.origin]);
  const conceal = (target: string): string => `${path === "/" ? "" : path}/${seal.hide(principal, place, target)}`;
  if (admitted.method !== "POST" || below === "" || below === "/") return { conceal, target: undefined };
  const target = seal.reveal(principal, place, below.slice(1));
  return target === undefined ? refuse("SESSION_UNKNOWN") : { conceal, target };
}

function wrapping(seal: Seal, principal: Principal, server: string): GatewayBack {
  return { head: (head) => wrapHeader(head, (id) => seal.wrap(principal, server, id)) };
}

function wrapHeader({ headers }: ReplyHead, wrap: (id: string) => string): void {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === HEADER) headers[i + 1] = wrap(headers[i + 1] ?? "");
  }
}
