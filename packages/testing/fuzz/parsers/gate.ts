/** The gate, and what is judged before it, beside a second reading of their rules over the raw list of headers. */
import type { IncomingMessage } from "node:http";

import * as fc from "fast-check";

import { isRefusal, parseTarget, type Host } from "@smcp/core";
import { openGate, type GateRules } from "@smcp/edge";

import { judgeFraming } from "../../../edge/src/framing.ts";
import { fuzzed, same } from "../fuzzed.ts";

interface Asked {
  readonly method: string;
  readonly version: string;
  readonly url: string;
  /** Flat. */
  readonly headers: readonly string[];
  readonly side: "server" | "client" | "socket";
}

const OWN = ["localhost:8081", "127.0.0.1:8081", "[::1]:8081"];
const ALLOWED = "http://localhost:6274";
const isOurs = ({ name, port }: Host): boolean => OWN.includes(`${name}:${port ?? 80}`);

const RULES: Readonly<Record<Asked["side"], GateRules>> = {
  server: {
    exempt: new Set(["/health"]),
    isHostAllowed: isOurs,
    isOriginAllowed: (one) => one === ALLOWED,
    refusesCrossSite: false,
    badHost: "HOST_INVALID",
  },
  client: {
    exempt: new Set(),
    isHostAllowed: isOurs,
    isOriginAllowed: (one) => one === ALLOWED,
    refusesCrossSite: true,
    badHost: "HOST_FORBIDDEN",
  },
  socket: {
    exempt: new Set(),
    isOriginAllowed: (one) => one === ALLOWED,
    refusesCrossSite: true,
    badHost: "HOST_FORBIDDEN",
  },
};
const gates = { server: openGate(RULES.server), client: openGate(RULES.client), socket: openGate(RULES.socket) };

/** Names that say who asks, for whom, or where a message ends. */
const isDecisive = (name: string): boolean =>
  [
    "authorization",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "last-event-id",
    "origin",
    "transfer-encoding",
    "x-request-id",
  ].includes(name) ||
  name.startsWith("mcp-") ||
  /^x-.*-token$/.test(name);

type Pair = readonly [name: string, value: string];

function verdictOf({ method, version, url, headers, side }: Asked): string {
  const pairs = headers.flatMap((name, i): Pair[] => (i % 2 === 0 ? [[name.toLowerCase(), headers[i + 1] ?? ""]] : []));
  const target = parseTarget(url);
  const repeated = pairs.find(([name], i) => isDecisive(name) && pairs.findIndex(([other]) => other === name) < i);
  const { badHost, exempt } = RULES[side];
  if (isMalformed(version, pairs)) return "REQUEST_MALFORMED";
  if (!target) return "TARGET_INVALID";
  if (repeated) return refusalOf(repeated[0], badHost);
  const caller = exempt.has(target.path) ? undefined : callerRefused(side, pairs);
  return caller ?? (["GET", "POST", "DELETE"].includes(method) ? "admitted" : "METHOD_UNKNOWN");
}

function isMalformed(version: string, pairs: readonly Pair[]): boolean {
  const codings = pairs.filter(([name]) => name === "transfer-encoding");
  const isOdd = ([, coding]: Pair): boolean => version === "1.0" || coding.toLowerCase() !== "chunked";
  return !["1.0", "1.1"].includes(version) || codings.some(isOdd);
}

/** Of the first Host, the first Origin, all of Sec-Fetch-Site: of the first two there are no more. */
function callerRefused(side: Asked["side"], pairs: readonly Pair[]): string | undefined {
  const of = (name: string): string[] => pairs.flatMap(([one, value]) => (one === name ? [value] : []));
  const { badHost, refusesCrossSite } = RULES[side];
  const host = side === "socket" ? OWN[0] : hostOf(of("host")[0] ?? "");
  const [origin] = of("origin");
  const sites = of("sec-fetch-site");
  const isElsewhere = refusesCrossSite && sites.length > 0 && !["none", "same-origin"].includes(sites.join(", "));
  if (host === undefined) return badHost;
  if (!OWN.includes(host)) return "HOST_FORBIDDEN";
  return (origin === undefined ? isElsewhere : origin !== ALLOWED) ? "ORIGIN_FORBIDDEN" : undefined;
}

/** In the modern era a header that repeats what the body says has a refusal of its own. */
function refusalOf(repeated: string, badHost: string): string {
  if (repeated === "host") return badHost;
  return repeated.startsWith("mcp-") && repeated !== "mcp-session-id" ? "HEADER_TWICE" : "HEADER_REPEATED";
}

/** Name and port as the URL standard reads them, where the text is nothing but these, each as that would write it. */
function hostOf(text: string): string | undefined {
  const [, name = "", port = "80"] = /^(\[[^\]]+\]|[^[\]:]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const url = URL.parse(`http://${name}/`);
  const isPlain = name.startsWith("[") || (/^[\w.-]+$/.test(name) && !/(^|\.)-|-(\.|$)|\.\.|^\.|\.$/.test(name));
  if (!url || !isPlain || url.username !== "" || Number(port) > 65_535) return undefined;
  if (!name.startsWith("[") && url.hostname !== name.toLowerCase()) return undefined;
  return `${name.toLowerCase()}:${Number(port)}`;
}

const name = fc.oneof(
  fc.constantFrom(
    "Host",
    "host",
    "HOST",
    "Origin",
    "origin",
    "Sec-Fetch-Site",
    "Authorization",
    "authorization",
    "Content-Type",
    "content-length",
    "Mcp-Session-Id",
    "mcp-session-id",
    "MCP-Protocol-Version",
    "Mcp-Name",
    "Mcp_Name",
  ),
  fc.constantFrom(
    "X-GitHub-Token",
    "x-github-token",
    "X_GitHub_Token",
    "X-Request-Id",
    "Expect",
    "Cookie",
    "DPoP",
    "Transfer-Encoding",
    "Last-Event-ID",
    "Accept",
    "accept",
    "__proto__",
    "constructor",
    "X-Other",
    "Connection",
  ),
);
const value = fc.oneof(
  { arbitrary: fc.constantFrom(...OWN, "localhost:8081"), weight: 6 },
  {
    arbitrary: fc.constantFrom(
      "LOCALHOST:8081",
      "localhost",
      "localhost:08081",
      "localhost:8082",
      "localhost.:8081",
      "a@localhost:8081",
      "localhost:8081, localhost:8081",
      "evil.example",
      "[::1",
      "[::1]:8081 ",
      "[::ffff:127.0.0.1]:8081",
      "127.0.0.1.:8081",
      "0x7f.1:8081",
      "127.1:8081",
      "999.1.1.1:8081",
      "-a:8081",
      "a..b",
      "",
      " ",
      "é",
    ),
    weight: 4,
  },
  {
    arbitrary: fc.constantFrom(
      ALLOWED,
      "null",
      "none",
      "same-origin",
      "cross-site",
      "same-site",
      "None",
      "chunked",
      "Chunked",
      "gzip, chunked",
      "https://evil.example",
    ),
    weight: 4,
  },
  { arbitrary: fc.string({ maxLength: 6 }), weight: 1 },
);
const asked: fc.Arbitrary<Asked> = fc.record({
  method: fc.constantFrom("GET", "POST", "DELETE", "GET", "POST", "PUT", "OPTIONS", "TRACE", "HEAD", "get", ""),
  version: fc.constantFrom("1.1", "1.1", "1.1", "1.1", "1.1", "1.0", "0.9", "2.0"),
  url: fc.constantFrom(
    "/docs",
    "/docs",
    "/docs",
    "/health",
    "/health",
    "/docs/../x",
    "/health/",
    "/health?x",
    "//health",
    "http://localhost:8081/docs",
    "*",
    "",
  ),
  headers: fc
    .tuple(
      fc.constantFrom(["Host", "localhost:8081"], ["Host", "127.0.0.1:8081"], ["Host", "[::1]:8081"], []),
      fc.array(fc.tuple(name, value), { maxLength: 4 }),
    )
    .map(([host, others]) => others.flat().toSpliced(0, 0, ...host)),
  side: fc.constantFrom("server" as const, "client" as const, "socket" as const),
});

export const gate = fuzzed("gate", asked, (one) => {
  const { method, version, url, headers, side } = one;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const incoming = {
    method,
    url,
    rawHeaders: headers,
    httpVersion: version,
    httpVersionMajor: major,
    httpVersionMinor: minor,
  };
  const ours =
    judgeFraming(incoming as unknown as IncomingMessage) ?? gates[side](incoming as unknown as IncomingMessage);
  same(isRefusal(ours) ? ours.refused : "admitted", verdictOf(one), "the verdict");
  if (isRefusal(ours)) return;
  same(
    [ours.method, ours.target.path + (url.includes("?") ? `?${ours.target.query}` : "")],
    [method, url],
    "what was admitted",
  );
  for (const [at, name] of headers.entries()) {
    if (at % 2 === 0 && isDecisive(name.toLowerCase()))
      same(ours.headers.get(name.toLowerCase()), headers[at + 1], name);
  }
});
