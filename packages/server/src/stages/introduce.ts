import type { ServerSettings } from "@smcp/config";
import { go, headerText } from "@smcp/core";

import type { Arrival, GatewayStage, Introduced, Known, Routed } from "../exchange/facts.ts";

/** Says to an HTTP backend who calls, through which route, and from where. Refuses nothing. */
export function introduce(settings: ServerSettings): GatewayStage<Arrival & Routed & Known, Introduced> {
  const fixed = new Map(
    settings.backends.map(({ id, model }) => [
      id,
      ["x-proxy-backend", headerText(id), ...(model ? ["x-proxy-model", headerText(model)] : [])],
    ]),
  );
  // Most requests come to the origin that the last one came to.
  let last = "";
  let scheme = "";
  let host = "";
  return {
    name: "introduce",
    run: ({ address, origin, principal, reply, route: { backend } }) => {
      if (backend.kind !== "http") return go({ added: [] });
      if (origin !== last) {
        last = origin;
        [scheme = "", host = ""] = origin.split("://", 2);
      }
      const added = [
        ...(fixed.get(backend.id) ?? []),
        "x-forwarded-for",
        address,
        "x-forwarded-proto",
        scheme,
        "x-forwarded-host",
        host,
        "x-request-id",
        reply.requestId,
        ...principal.told,
      ];
      return go({ added });
    },
  };
}
