/**
 * The rules between keys. Reads the tree as it is written, so that everything is found in one run even where single
 * values are wrong.
 */
import { checkBackends } from "./check-backends.ts";
import { checkCallers, checkIssuers, checkMode, checkRoles } from "./check-callers.ts";
import { checkTls } from "./check-tls.ts";
import type { Finding } from "./finding.ts";
import { valueAt } from "./untyped.ts";

/** Everything that is wrong between keys. */
export function checkRules(root: unknown, mode: string | undefined): Finding[] {
  return [
    ...checkListen(root),
    ...checkTls(root),
    ...checkBackends(root),
    ...checkMode(root, mode),
    ...checkIssuers(root),
    ...checkCallers(root),
    ...checkRoles(root),
  ];
}

function checkListen(root: unknown): Finding[] {
  const isBoth = ["host", "port"].some((key) => valueAt(root, ["server", key]) !== undefined);
  if (valueAt(root, ["listen"]) === undefined || !isBoth) return [];
  return [{ path: ["listen"], expected: "either listen, or server.host and server.port", found: "both" }];
}
