/** The caller's headers as a backend gets them. */
import type { HeaderMap } from "@smcp/core";
import { passRequestHeaders } from "@smcp/edge";

/** A flat list of names and values. */
export function requestHeaders(headers: HeaderMap, forwarded: readonly string[], isModern: boolean): string[] {
  return passRequestHeaders(headers, forwarded, isModern ? isNoSession : isUnderstoodByAll);
}

/** Session ids are set by whoever unwrapped them. */
function isNoSession(name: string): boolean {
  return name !== "mcp-session-id";
}

/**
 * In the legacy era nobody compares these with the body: a backend that trusted them would trust the caller's word.
 */
function isUnderstoodByAll(name: string): boolean {
  return isNoSession(name) && name !== "mcp-method" && name !== "mcp-name" && !name.startsWith("mcp-param-");
}
