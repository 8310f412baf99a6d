import { go, isRefusal } from "@smcp/core";

import type { Callers } from "../auth/callers.ts";
import type { Arrival, GatewayStage, Known, Routed } from "../exchange/facts.ts";

/** Finds out who asks. Refuses with `SIGN_IN_NEEDED`, `TOKEN_INVALID`, `PROOF_INVALID`, `PROOF_NONCE`, `CLAIM_MISSING` or `ISSUER_AWAY`. */
export function authenticate(callers: Callers): GatewayStage<Arrival & Routed, Known> {
  return {
    name: "authenticate",
    run: (x) => {
      const answer = callers.identify(x, x.route.backend.path);
      if (answer instanceof Promise) return answer.then((late) => (isRefusal(late) ? late : go({ principal: late })));
      return isRefusal(answer) ? answer : go({ principal: answer });
    },
  };
}
