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
  return {
    name: "introduce",
    run: ({ address, origin, principal, reply, route: { backend } }) => {
      if (backend.kind !== "http") return go({ added: [] });
      const mark = origin.indexOf("://");
      const added = [
        ...(fixed.get(backend.id) ?? []),
        "x-forwarded-for",
        address,
        "x-forwarded-proto",
        origin.slice(0, mark),
        "x-forwarded-host",
        origin.slice(mark + 3),
        "x-request-id",
        reply.requestId,
      ];
      if (principal.kind !== "anonymous") added.push("x-subject", headerText(principal.subject));
      if (principal.email !== undefined) added.push("x-email", headerText(principal.email));
      return go({ added });
    },
  };
}
