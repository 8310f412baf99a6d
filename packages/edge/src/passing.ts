/** Which headers pass through smcp, on the laptop as at the server: lists of what may, never of what may not. */
import type { HeaderMap } from "@smcp/core";

import type { UpstreamHeaders } from "./upstream/response-head.ts";

const REQUEST = [
  "accept",
  "accept-language",
  "content-type",
  "last-event-id",
  "traceparent",
  "tracestate",
  "user-agent",
];
const RESPONSE = ["content-type", "cache-control", "retry-after", "allow", "x-accel-buffering"];
// A name with an underscore is another name to some servers: the pattern lets none pass.
const MCP = /^mcp-[a-z0-9-]+$/;

/**
 * The caller's headers that go on: a flat list of names and values.
 *
 * @param more further names that pass, lower-case
 * @param mayPass judges the protocol's own headers (`mcp-…`); left out, all of them pass
 */
export function passRequestHeaders(
  headers: HeaderMap,
  more: readonly string[] = [],
  mayPass?: (name: string) => boolean,
): string[] {
  const out: string[] = ["accept-encoding", "identity"];
  // By the names that may pass, not by those that came: a lookup of a constant costs less than one of a fresh text.
  for (const name of REQUEST) add(out, name, headers.get(name));
  for (const name of more) add(out, name, headers.get(name));
  for (const [name, value] of headers) {
    if (name.startsWith("mcp-") && MCP.test(name) && mayPass?.(name) !== false) out.push(name, value);
  }
  return out;
}

/** The upstream's headers that reach the caller: a flat list of names and values. */
export function passResponseHeaders(headers: UpstreamHeaders): string[] {
  const out: string[] = [];
  for (const name of RESPONSE) add(out, name, headers[name]);
  for (const name in headers) if (name.startsWith("mcp-") && MCP.test(name)) add(out, name, headers[name]);
  return out;
}

function add(out: string[], name: string, value: string | string[] | undefined): void {
  if (value !== undefined) out.push(name, typeof value === "string" ? value : value.join(", "));
}
