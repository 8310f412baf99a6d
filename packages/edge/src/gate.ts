/**
 * The gate: what stands before every router. It reads the raw target and the raw headers, so that nothing behind it sees a
 * request that two parsers could take for two different ones.
 */
import type { IncomingMessage } from "node:http";

import {
  hostReader,
  parseTarget,
  readHeaders,
  refuse,
  type HeaderMap,
  type Host,
  type Refusal,
  type Target,
} from "@smcp/core";

/** A request that passed the gate. */
export interface Admitted {
  readonly method: "GET" | "POST" | "DELETE";
  readonly target: Target;
  readonly headers: HeaderMap;
  readonly host: Host;
}

export interface GateRules {
  /** Paths that probes reach by any address: no Host and no Origin is asked of them. */
  readonly exempt: ReadonlySet<string>;
  /** Absent: Host is not looked at, for who gets here cannot be led here by a name. */
  isHostAllowed?(host: Host): boolean;
  isOriginAllowed(origin: string): boolean;
  /** Refuse what a browser says comes from another site. */
  readonly refusesCrossSite: boolean;
  /** The refusal for a Host that is missing, repeated or malformed. */
  readonly badHost: "HOST_INVALID" | "HOST_FORBIDDEN";
}

const NOWHERE: Host = { name: "", port: undefined };

/** Judges a request line and its headers; the body is not touched. */
export type Gate = (incoming: IncomingMessage) => Admitted | Refusal;

/** Builds the gate of one listener. */
export function openGate(rules: GateRules): Gate {
  const readHost = hostReader();
  return (incoming) => {
    const target = parseTarget(incoming.url ?? "");
    if (!target) return refuse("TARGET_INVALID");
    const headers = readHeaders(incoming.rawHeaders);
    if (typeof headers === "string") {
      return refuseRepeated(headers, rules);
    }
    const host = rules.exempt.has(target.path) ? NOWHERE : judgeCaller(headers, rules, readHost);
    if ("refused" in host) return host;
    // Last, so that a preflight from a foreign page learns nothing but that it is foreign.
    const { method } = incoming;
    if (method !== "GET" && method !== "POST" && method !== "DELETE") return refuse("METHOD_UNKNOWN");
    return { method, target, headers, host };
  };
}

function refuseRepeated(header: string, rules: GateRules): Refusal {
  if (header === "host") return refuse(rules.badHost);
  // One that says what the body says: in the modern era that has a refusal of its own, before any body is read.
  const isCompared = header.startsWith("mcp-") && header !== "mcp-session-id";
  return refuse(isCompared ? "HEADER_TWICE" : "HEADER_REPEATED", { header });
}

function judgeCaller(
  headers: HeaderMap,
  rules: GateRules,
  readHost: (value: string) => Host | undefined,
): Host | Refusal {
  const host = rules.isHostAllowed ? readHost(headers.get("host") ?? "") : NOWHERE;
  if (!host) return refuse(rules.badHost);
  if (rules.isHostAllowed?.(host) === false) return refuse("HOST_FORBIDDEN");
  const origin = headers.get("origin");
  if (origin !== undefined) return rules.isOriginAllowed(origin) ? host : refuse("ORIGIN_FORBIDDEN");
  // An allowed Origin spoke for itself: its page is another site by definition.
  const site = headers.get("sec-fetch-site");
  if (!rules.refusesCrossSite || site === undefined || site === "none" || site === "same-origin") return host;
  return refuse("ORIGIN_FORBIDDEN", undefined, { reason: `Sec-Fetch-Site is ${JSON.stringify(site.slice(0, 32))}` });
}
