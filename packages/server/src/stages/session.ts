import { go, refuse } from "@smcp/core";
import type { ReplyHead } from "@smcp/edge";

import type { Arrival, Bound, Called, GatewayBack, GatewayStage, Known, Routed } from "../exchange/facts.ts";
import type { Seal } from "../seal.ts";

const HEADER = "mcp-session-id";
const NO_SESSION: Bound = { sessionId: undefined };

/**
 * Binds sessions to who opened them. With `seal`, ids leave wrapped and come back only from their owner; without it,
 * nobody is asked who they are and ids pass as they are. Refuses with `SESSION_UNKNOWN`.
 */
export function session(seal: Seal | undefined): GatewayStage<Arrival & Routed & Known & Called, Bound> {
  return {
    name: "session",
    run: ({ admitted, era, principal, route }) => {
      const header = admitted.headers.get(HEADER);
      if (!seal) return go(header === undefined ? NO_SESSION : { sessionId: header });
      // The modern era has no sessions: a stray id is ignored there, and never minted.
      if (era === "modern") return go(NO_SESSION);
      const server = route.backend.id;
      const back: GatewayBack = { head: (head) => wrapHeader(head, (id) => seal.wrap(principal, server, id)) };
      if (header === undefined) return go(NO_SESSION, back);
      const sessionId = seal.unwrap(principal, server, header);
      return sessionId === undefined ? refuse("SESSION_UNKNOWN") : go({ sessionId }, back);
    },
  };
}

function wrapHeader({ headers }: ReplyHead, wrap: (id: string) => string): void {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === HEADER) headers[i + 1] = wrap(headers[i + 1] ?? "");
  }
}
