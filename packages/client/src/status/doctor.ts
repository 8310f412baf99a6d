/**
 * Looks for what keeps the client from working, from the inside out: this machine, the server, the identity provider, the
 * sign-in. Every check has a limit and none changes anything.
 */
import type { ClientSettings } from "@smcp/config";
import type { Log } from "@smcp/core";

import { trustOf } from "../trust.ts";
import { boundedFetch } from "../tokens/bounded-fetch.ts";
import { fail, type Finding } from "./finding.ts";

const LIMIT = 10_000;

/** Checks everything; what cannot be looked at because of something else that is wrong is left out. */
export async function examine(settings: ClientSettings, log: Log): Promise<Finding[]> {
  // A client that runs has no use for them.
  const [{ checkPort, checkStore }, { checkName, checkServer }, { checkIssuer }] = await Promise.all([
    import("./check-machine.ts"),
    import("./check-server.ts"),
    import("./check-issuer.ts"),
  ]);
  const local = await Promise.all([checkPort(settings), checkStore(settings, log)]);
  let trust;
  try {
    trust = trustOf(settings, log);
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string };
    return [...local.flat(), fail("ca-file", message, hint ?? "check --ca-file")];
  }
  const remote = { settings, trust, fetch: boundedFetch(LIMIT, trust) };
  const name = await checkName("server", settings.serverUrl);
  if (name.result === "fail") return [...local.flat(), name];
  const server = await checkServer(remote);
  return [...local.flat(), name, ...server.findings, ...(await checkIssuer(remote, server.metadata))];
}
