/**
 * Which app works with which server through the pair: the one table behind the tests of the matrix and the page for people.
 * A cell is the protocol version that the two agree on, or the code of the error that the app ends with. It holds without
 * smcp and through it alike.
 */
import type { AppName } from "../fixtures/apps.ts";
import type { InspectorMode } from "../fixtures/programs.ts";

const OLD = "2025-11-25";
const NEW = "2026-07-28";
/** What the newer SDK says when there is no era that both speak. */
const NO_ERA = "ERA_NEGOTIATION_FAILED";

/** The servers, and how people call them. */
export const SERVERS = {
  "http-legacy": "Streamable HTTP, legacy",
  "http-modern": "Streamable HTTP, modern",
  "http-dual": "Streamable HTTP, dual",
  sse: "HTTP+SSE (2024-11-05)",
  "stdio-legacy": "stdio, legacy",
  "stdio-modern": "stdio, modern",
  "stdio-dual": "stdio, dual",
} as const;

export type ServerId = keyof typeof SERVERS;

const legacy: Readonly<Record<AppName, string>> = {
  "1.x": OLD,
  "2.x legacy": OLD,
  "2.x auto": OLD,
  "2.x modern": NO_ERA,
};
const dual: Readonly<Record<AppName, string>> = { "1.x": OLD, "2.x legacy": OLD, "2.x auto": NEW, "2.x modern": NEW };
const modern = (older: string, newer: string): Readonly<Record<AppName, string>> => ({
  ...dual,
  "1.x": older,
  "2.x legacy": newer,
});

/** SDK clients at the local endpoint; for a server on stdio the visit without smcp starts it as a command. */
export const VISITS: Readonly<Record<ServerId, Readonly<Record<AppName, string>>>> = {
  "http-legacy": legacy,
  "http-modern": modern("400", "CLIENT_HTTP_NOT_IMPLEMENTED"),
  "http-dual": dual,
  sse: legacy,
  "stdio-legacy": legacy,
  "stdio-modern": modern("-32022", "-32022"),
  "stdio-dual": dual,
};

/** Apps that start `smcp client --stdio` as their command: what they meet is what a command of that era would be. */
export const COMMANDS = {
  "http-legacy": legacy,
  "http-modern": modern("-32022", "-32022"),
  "http-dual": dual,
} as const satisfies Partial<Record<ServerId, Readonly<Record<AppName, string>>>>;

/** The Inspector's command line in its modes, and mcp-remote with an app of SDK 1.x. */
export type ProgramName = `Inspector ${InspectorMode}` | "mcp-remote";

const EXIT_1 = "exit code 1";
const program = (failing?: InspectorMode): Readonly<Record<ProgramName, string>> => ({
  "Inspector legacy": failing === "legacy" ? EXIT_1 : "works",
  "Inspector auto": failing === "auto" ? EXIT_1 : "works",
  "Inspector modern": failing === "modern" ? EXIT_1 : "works",
  // It speaks the legacy era to its app and either to the server.
  "mcp-remote": OLD,
});

/** Without smcp, mcp-remote visits the server of the same eras over HTTP where smcp has one on stdio. */
export const PROGRAMS: Readonly<Record<ServerId, Readonly<Record<ProgramName, string>>>> = {
  "http-legacy": program("modern"),
  "http-modern": program("legacy"),
  "http-dual": program(),
  sse: program("modern"),
  "stdio-legacy": program("modern"),
  "stdio-modern": program("legacy"),
  "stdio-dual": program(),
};
