/** What probes ask, answered without a framework: they come first, and often. */
import { refuse } from "@smcp/core";
import type { Admitted, Reply } from "@smcp/edge";

import type { TokenValidator } from "../auth/validator.ts";

const TEXT = ["content-type", "text/plain; charset=utf-8"];
const OK = Buffer.from("OK");

/** The paths of the probes. */
export const PROBES: ReadonlySet<string> = new Set(["/health", "/livez", "/readyz"]);

/** Answers a probe: alive, or ready to judge tokens. */
export function answerProbe({ method, target }: Admitted, validator: TokenValidator | undefined, reply: Reply): void {
  const missing = target.path === "/readyz" ? (validator?.missingIssuers ?? []) : [];
  if (method !== "GET") reply.refuse(refuse("ROUTE_UNKNOWN"));
  else if (missing.length > 0) reply.send(503, TEXT, Buffer.from(`no keys of ${missing.join(", ")} yet\n`));
  else reply.send(200, TEXT, OK);
}
