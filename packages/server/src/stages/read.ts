import { eraOf, go, isRefusal, readMessage, refuse, verifyHeaders, type Bytes } from "@smcp/core";
import { judgeBody, readBody } from "@smcp/edge";

import type { Arrival, Called, GatewayStage, Routed } from "../exchange/facts.ts";

const NOTHING: Called = { body: null, message: undefined, era: "legacy" };

/**
 * Reads the one message of a POST. Refuses with `BODY_TYPE`, `BODY_ENCODED`, `BODY_TOO_LARGE`, `NOT_JSON`,
 * `MESSAGE_INVALID`, `MESSAGE_AMBIGUOUS`, `HEADER_MISMATCH` or `ENVELOPE_INVALID`.
 *
 * @param limit largest body in bytes
 */
export function read(limit: Bytes): GatewayStage<Arrival & Routed, Called> {
  return {
    name: "read",
    run: ({ incoming, reply, route: { backend }, admitted: { method, headers } }) => {
      if (method !== "POST") return go(NOTHING);
      const refused = judgeBody(headers, limit);
      if (refused) return refused;
      return readBody(incoming, reply, limit).then((body) => {
        // The caller left before the end: the answer goes nowhere, whatever it is.
        if (body === undefined) return refuse("REQUEST_SLOW");
        if (isRefusal(body)) return body;
        const message = readMessage(body);
        if (isRefusal(message)) return message;
        const era = eraOf(message, headers);
        // HTTP+SSE has no headers of MCP: a client of both eras asks there without them which one it is.
        const isBare = backend.kind === "http" && backend.sse && headers.get("mcp-protocol-version") === undefined;
        return (isBare ? undefined : verifyHeaders(message, era, headers)) ?? go({ body, message, era });
      });
    },
  };
}
