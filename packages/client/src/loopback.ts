/** Listens where local apps look: 127.0.0.1, and ::1 where this machine has it, on one port. */
import { networkInterfaces } from "node:os";

import { openListener, type Listener, type ListenerOptions } from "@smcp/edge";

const IPV4 = "127.0.0.1";
const IPV6 = "::1";
/** How often another free port is tried because ::1 has somebody on it. */
const ATTEMPTS = 8;

/**
 * Opens one or two listeners on the same port.
 *
 * @throws {Failure} for an address that is taken
 */
export async function openLoopback(options: ListenerOptions): Promise<readonly Listener[]> {
  const { host, port } = options;
  const isBoth = (host === IPV4 || host === "localhost") && hasIpv6Loopback();
  if (!isBoth) return [await openListener({ ...options, host: host === "localhost" ? IPV4 : bare(host) })];
  for (let attempt = 1; ; attempt++) {
    const first = await openListener({ ...options, host: IPV4 });
    try {
      return [first, await openListener({ ...options, host: IPV6, port: first.port })];
    } catch (error) {
      await first.close(0);
      // A port that somebody asked for is never silently another one.
      if (port !== 0 || attempt === ATTEMPTS) throw error;
    }
  }
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, "");
}

function hasIpv6Loopback(): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === IPV6));
}
