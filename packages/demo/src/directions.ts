/** What the demo tells a person at its end: what runs where, and how an app gets at it. */
import { PATHS } from "./server-file.ts";

/** Where everything listens. */
export interface Places {
  /** The client: what apps are given. */
  readonly app: string;
  readonly server: string;
  readonly issuer: string;
  /** The MCP server over HTTP behind the server. */
  readonly upstream: string;
}

/** The lines in between the tour and the wait. */
export function directions(places: Places): readonly string[] {
  const memory = `${places.app}${PATHS.memory}`;
  return [
    "",
    "Running on this machine:",
    `  for apps           ${places.app}  (smcp client, signs in for them)`,
    `  server             ${places.server}  (smcp server, wants a token)`,
    `  identity provider  ${places.issuer}`,
    `  MCP servers        ${Object.values(PATHS).join("  ")}`,
    "",
    "Add one to an app:",
    `  Claude Code        claude mcp add --transport http memory ${memory}`,
    `  Cursor             ${JSON.stringify({ mcpServers: { memory: { url: memory } } })}`,
    `  VS Code            ${JSON.stringify({ servers: { memory: { type: "http", url: memory } } })}`,
    "",
  ];
}
