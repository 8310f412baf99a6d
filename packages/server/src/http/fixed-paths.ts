/** Which paths are the server's own, so that no backend shadows them. Knows nothing of how they are answered. */
import type { ServerSettings } from "@smcp/config";
import { isBelow } from "@smcp/core";

/** True for a path that a fixed route answers. */
export function isFixed(path: string, { metrics }: ServerSettings): boolean {
  if (path === "/api/models" || path.startsWith("/.well-known/") || path.startsWith("/auth/")) return true;
  return isBelow("/mcp/smcp", path) || (metrics.enabled && path === metrics.path);
}
