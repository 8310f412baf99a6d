/** The server's own routes, which no backend may take. */
import { isBelow } from "@smcp/core";

/** The id that the gateway's own MCP server has. */
export const RESERVED_ID = "smcp";

/** Paths that are the server's own, with everything below. */
const TREES = ["/.well-known", "/mcp/smcp"];
/** Paths that are the server's own alone. */
const SINGLE = [
  "/health",
  "/livez",
  "/readyz",
  "/api/models",
  "/auth/login",
  "/auth/callback",
  "/auth/logout",
  "/auth/revoke",
  "/auth/delegate",
  "/auth/backchannel-logout",
];

/** The server's own route that a backend's path would be hidden by, if there is one. */
export function ownRoute(path: string, metricsPath: string): string | undefined {
  return TREES.find((own) => isBelow(own, path)) ?? [...SINGLE, metricsPath].find((own) => own === path);
}
