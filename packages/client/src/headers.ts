/** Which headers pass, both ways. Lists of what may pass: everything else stays here, an app's own credentials first. */
import type { HeaderMap } from "@smcp/core";
import type { UpstreamHeaders } from "@smcp/edge";

const REQUEST: ReadonlySet<string> = new Set([
  "accept",
  "accept-language",
  "content-type",
  "user-agent",
  "last-event-id",
  "traceparent",
  "tracestate",
]);
const RESPONSE: ReadonlySet<string> = new Set([
  "content-type",
  "cache-control",
  "retry-after",
  "allow",
  "x-accel-buffering",
]);
// A name with an underscore is another name to some servers: neither pattern lets one pass.
const MCP = /^mcp-[a-z0-9-]+$/;
const UPSTREAM_TOKEN = /^x-[a-z0-9-]+-token$/;

/** The request headers that go to the server, as a flat list; the token comes later. */
export function requestHeaders(headers: HeaderMap): string[] {
  const out: string[] = [];
  for (const [name, value] of headers) {
    if (REQUEST.has(name) || MCP.test(name) || UPSTREAM_TOKEN.test(name)) out.push(name, value);
  }
  out.push("accept-encoding", "identity");
  return out;
}

/** The response headers that come back to the app, as a flat list. */
export function responseHeaders(headers: UpstreamHeaders): string[] {
  const out: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || !(RESPONSE.has(name) || MCP.test(name))) continue;
    out.push(name, Array.isArray(value) ? value.join(", ") : value);
  }
  return out;
}
