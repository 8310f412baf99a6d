import { go, refuse } from "@smcp/core";

import type { Arrival, GatewayStage, Routed } from "../exchange/facts.ts";
import type { RouteTable } from "../routes.ts";

/** Finds the backend by path. Refuses with `ROUTE_UNKNOWN`. */
export function route(routes: RouteTable): GatewayStage<Arrival, Routed> {
  return {
    name: "route",
    run: ({ admitted: { target } }) => {
      const found = routes.find(target.path);
      if (!found) return refuse("ROUTE_UNKNOWN");
      const { path } = found.backend;
      return go({ route: found, below: path === "/" ? target.path : target.path.slice(path.length) });
    },
  };
}
