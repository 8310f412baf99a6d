import { go, refuse } from "@smcp/core";

import type { Arrival, GatewayBack, GatewayStage, Known } from "../exchange/facts.ts";

const NOTHING = {};

/**
 * Bounds the streams that callers hold open: a GET counts until it ends. Refuses with `STREAMS_EXHAUSTED`.
 *
 * @param limit streams at once, over all callers
 */
export function streams(limit: number): GatewayStage<Arrival & Known, object> {
  let open = 0;
  const back: GatewayBack = { settle: () => open-- };
  return {
    name: "streams",
    run: ({ admitted: { method } }) => {
      if (method !== "GET") return go(NOTHING);
      if (open >= limit) return refuse("STREAMS_EXHAUSTED");
      open++;
      return go(NOTHING, back);
    },
  };
}
