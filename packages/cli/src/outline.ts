/** What a server would run or runs, in a few lines. */
import type { Backend, LoadedServer } from "@smcp/config";

/** Lines for a person, in order. */
export interface Printed {
  readonly lines: readonly (readonly [name: string, value: string])[];
  readonly warnings: readonly string[];
}

/**
 * Describes a loaded configuration.
 *
 * @param url the address as it listens; left out, as it would
 */
export function outline({ settings, unbuilt, file, callers }: LoadedServer, url?: string): Printed {
  const { host, port, tls } = settings.server;
  const shown = host.includes(":") ? `[${host}]` : host;
  const lines: [string, string][] = [
    ["configuration", file],
    ["address", url ?? `${tls ? "https" : "http"}://${shown}:${port}`],
    ["authentication", settings.auth.mode === "oidc" ? "required" : "none"],
    ["backends", list(settings.backends.map(describeBackend))],
    ["api keys", list(callers.keys)],
    ["agents", list(callers.agents)],
    ["roles", list(callers.roles)],
    ["issuers", list(settings.issuers.map((one) => one.issuer))],
  ];
  if (unbuilt.length > 0)
    lines.push(["not built yet", list(unbuilt.map((one) => `${one.key} (${one.variable ?? `${file}:${one.line}`})`))]);
  return { lines, warnings: settings.warnings };
}

function describeBackend(backend: Backend): string {
  const name = backend.name === backend.id ? backend.id : `${backend.id} "${backend.name}"`;
  return `${name} (${backend.kind}, ${backend.path})`;
}

function list(items: readonly string[]): string {
  return items.length === 0 ? "none" : items.join(", ");
}

/** The same for programs. */
export function outlineJson({ settings, unbuilt, file, callers }: LoadedServer): Readonly<Record<string, unknown>> {
  return {
    configuration: file,
    host: settings.server.host,
    port: settings.server.port,
    tls: settings.server.tls !== undefined,
    authentication: settings.auth.mode === "oidc" ? "required" : "none",
    backends: settings.backends.map(({ id, name, kind, path }) => ({ id, name, transport: kind, path })),
    api_keys: callers.keys,
    agents: callers.agents,
    roles: callers.roles,
    issuers: settings.issuers.map((one) => one.issuer),
    not_built_yet: unbuilt,
    warnings: settings.warnings,
  };
}
