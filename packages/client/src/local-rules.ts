/** Who may speak to the local endpoint: programs that know it is on this machine, no web page, no foreign name. */
import { isLoopbackName, parseHost, type Host } from "@smcp/core";
import type { GateRules } from "@smcp/edge";

const OWN_NAMES: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

/**
 * The gate's rules.
 *
 * @param own the address listened on, and the port that a `Host` without one means: `Host` must be a loopback name with its port, or the address itself
 * @param allowHosts further values of `Host`; one without a port means our port, or none
 * @param allowOrigins values of `Origin`, compared as they are
 */
export function localRules(
  own: { readonly host: string; readonly port: number; readonly defaultPort: number },
  allowHosts: readonly string[],
  allowOrigins: readonly string[],
): GateRules {
  const allowed = allowHosts.flatMap((value) => parseHost(value) ?? []);
  const origins = new Set(allowOrigins);
  const isOwnName = (name: string): boolean => OWN_NAMES.has(name) || (name === own.host && isLoopbackName(name));
  return {
    exempt: new Set(),
    refusesCrossSite: true,
    badHost: "HOST_FORBIDDEN",
    isHostAllowed: ({ name, port }: Host) => {
      if (isOwnName(name) && (port ?? own.defaultPort) === own.port) return true;
      return allowed.some((one) =>
        one.port === undefined
          ? one.name === name && (port ?? own.port) === own.port
          : one.name === name && one.port === port,
      );
    },
    isOriginAllowed: (origin) => origins.has(origin),
  };
}
