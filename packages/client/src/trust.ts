/** Whom the client trusts besides the system's authorities. */
import type { ClientSettings } from "@smcp/config";
import type { Log } from "@smcp/core";
import { openTrust, type Trust } from "@smcp/edge";

/** @throws {Failure} for a CA file that cannot be used */
export function trustOf({ caFile }: ClientSettings, log: Log): Trust | undefined {
  return caFile === undefined ? undefined : openTrust({ caFile, isCaExtra: true, named: "--ca-file" }, log);
}
