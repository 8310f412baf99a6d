import { go, refuse } from "@smcp/core";

import type { Arrival, GatewayBack, GatewayStage, Known } from "../exchange/facts.ts";

const NOTHING = {};

/** How many streams are open. It outlives a reload, as they do. */
export interface OpenStreams {
  count: number;
}

/**
 * Bounds the streams that callers hold open: a GET counts until it ends. Refuses with `STREAMS_EXHAUSTED`.
 *
 * @param limit streams at once, over all callers
 * @param open those that are open, also under the configuration before this one
 */
export function streams(limit: number, open: OpenStreams): GatewayStage<Arrival & Known, object> {
  const back: GatewayBack = { settle: () => open.count-- };
  return {
    name: "streams",
    run: ({ admitted: { method } }) => {
      if (method !== "GET") return go(NOTHING);
      if (open.count >= limit) return refuse("STREAMS_EXHAUSTED");
      open.count++;
      return go(NOTHING, back);
    },
  };
}
