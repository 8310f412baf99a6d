/** Who may speak to the local endpoint: programs that know it is on this machine, no web page, no foreign name. */
import { parseHost, type Host } from "@smcp/core";
import type { GateRules } from "@smcp/edge";

const OWN_NAMES: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** The address that a request came in on. */
export interface OwnAddress {
  /** As it is listened on. */
  readonly host: string;
  /** The address that the connection was made to, where that is not this machine's loopback. */
  readonly address?: string;
  readonly port: number;
  /** What a `Host` without a port means. */
  readonly defaultPort: number;
}

/**
 * The gate's rules.
 *
 * @param own where the request came in: `Host` must be a loopback name with its port, or the address itself. A web page
 *   that leads a foreign name to that address names itself. `undefined` on a unix socket: no page gets there
 * @param allowHosts further values of `Host`; one without a port means our port, or none
 * @param allowOrigins values of `Origin`, compared as they are
 */
export function localRules(
  own: OwnAddress | undefined,
  allowHosts: readonly string[],
  allowOrigins: readonly string[],
): GateRules {
  const origins = new Set(allowOrigins);
  return {
    exempt: new Set(),
    refusesCrossSite: true,
    badHost: "HOST_FORBIDDEN",
    ...(own && { isHostAllowed: hostRule(own, allowHosts) }),
    isOriginAllowed: (origin) => origins.has(origin),
  };
}

function hostRule(own: OwnAddress, allowHosts: readonly string[]): (host: Host) => boolean {
  const allowed = allowHosts.flatMap((value) => parseHost(value) ?? []);
  const names = new Set([...OWN_NAMES, inBrackets(own.host), inBrackets(own.address ?? own.host)]);
  return ({ name, port }) => {
    if (names.has(name) && (port ?? own.defaultPort) === own.port) return true;
    return allowed.some((one) =>
      one.port === undefined
        ? one.name === name && (port ?? own.port) === own.port
        : one.name === name && one.port === port,
    );
  };
}

function inBrackets(address: string): string {
  return address.includes(":") ? `[${address.toLowerCase()}]` : address.toLowerCase();
}
