/** Which headers pass between a caller and an HTTP backend, both ways: lists of what may, never of what may not. */
import type { HeaderMap } from "@smcp/core";
import type { UpstreamHeaders } from "@smcp/edge";

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

/** The caller's headers that go upstream: a flat list of names and values. */
export function requestHeaders(headers: HeaderMap, forwarded: readonly string[], isModern: boolean): string[] {
  const out: string[] = ["accept-encoding", "identity"];
  // By the names that may pass, not by those that came: a lookup of a constant costs less than one of a fresh text.
  for (const name of REQUEST) add(out, name, headers.get(name));
  for (const name of forwarded) add(out, name, headers.get(name));
  for (const [name, value] of headers) if (name.startsWith("mcp-") && mayPass(name, isModern)) out.push(name, value);
  return out;
}

/**
 * Session ids are set by whoever unwrapped them. In the legacy era nobody compares `Mcp-Method` and `Mcp-Name` with the
 * body: a backend that trusted them would trust the caller's word.
 */
function mayPass(name: string, isModern: boolean): boolean {
  if (name === "mcp-session-id" || name.includes("_")) return false;
  return isModern || (name !== "mcp-method" && name !== "mcp-name" && !name.startsWith("mcp-param-"));
}

/** The backend's headers that reach the caller: a flat list of names and values. */
export function responseHeaders(headers: UpstreamHeaders): string[] {
  const out: string[] = [];
  for (const name of RESPONSE) add(out, name, headers[name]);
  for (const name in headers) if (name.startsWith("mcp-")) add(out, name, headers[name]);
  return out;
}

function add(out: string[], name: string, value: string | string[] | undefined): void {
  if (value !== undefined) out.push(name, typeof value === "string" ? value : value.join(", "));
}
