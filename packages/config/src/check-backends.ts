/** The rules between backends: unique ids and paths, outside the server's own routes, one way to reach each. */
import type { Finding } from "./finding.ts";
import { type Path, quote } from "./problem.ts";
import { ownRoute, RESERVED_ID } from "./routes.ts";
import { normalisePath } from "./scalars.ts";
import { isRecord, listAt, textOf, valueAt } from "./untyped.ts";

interface Named {
  readonly path: Path;
  /** Where the id comes from. */
  readonly at: Path;
  readonly id: string | undefined;
  readonly route: string | undefined;
}

/** Ids, paths and transports of the backends in both forms. */
export function checkBackends(root: unknown): Finding[] {
  const metricsPath = route(textOf(valueAt(root, ["metrics"]), "path")) ?? "/metrics";
  const findings: Finding[] = [];
  const named = [...readBackends(root, findings), ...readServers(root, findings)];
  return [...findings, ...checkNames(named, metricsPath)];
}

function readBackends(root: unknown, findings: Finding[]): Named[] {
  return listAt(root, ["mcp", "backends"]).map((one, i) => {
    const path = ["mcp", "backends", i];
    const name = textOf(one, "name");
    const id = textOf(one, "id");
    if (id === undefined && name === undefined) findings.push({ path, expected: "an id or a name", found: "neither" });
    findings.push(...checkTransport(one, path), ...checkIsolation(one, path));
    const at = [...path, id === undefined ? "name" : "id"];
    return { path, at, id: id ?? (name && backendId(name)), route: route(textOf(one, "path")) };
  });
}

function readServers(root: unknown, findings: Finding[]): Named[] {
  const servers = valueAt(root, ["servers"]);
  return Object.entries(isRecord(servers) ? servers : {}).map(([id, one]) => {
    const path = ["servers", id];
    const own = textOf(one, "path");
    if (own === undefined && normalisePath(`/mcp/${id}`) === undefined) {
      findings.push({ path, expected: "a name that can stand in a path, or a path of its own", found: quote(id) });
    }
    findings.push(...checkTransport(one, path), ...checkIsolation(one, path));
    return { path, at: path, id, route: route(own ?? `/mcp/${id}`) };
  });
}

/** The id of a backend that only has a name. */
export function backendId(name: string): string {
  return `backend-${name}`;
}

// A rule's "server:tool" is cut at the first colon, and a star in it is a glob.
const ID = /^[^:*/\p{Cc}]{1,128}$/u;

function checkNames(named: readonly Named[], metricsPath: string): Finding[] {
  const findings: Finding[] = [];
  const ids = new Set<string>([RESERVED_ID]);
  const routes = new Map<string, string>();
  for (const { path, at, id = "", route } of named) {
    if (id !== "" && !ID.test(id)) {
      findings.push({
        path: at,
        expected: "an id without colons, stars, slashes and control characters",
        found: quote(id),
      });
    } else if (ids.has(id)) {
      const expected =
        id === RESERVED_ID ? `another id than the reserved "${RESERVED_ID}"` : "an id that no other backend has";
      findings.push({ path: at, expected, found: quote(id) });
    }
    if (id !== "") ids.add(id);
    if (route === undefined) continue;
    const own = ownRoute(route, metricsPath);
    const other = routes.get(route);
    if (own !== undefined) {
      findings.push({
        path: [...path, "path"],
        expected: `a path outside the server's own "${own}"`,
        found: quote(route),
      });
    } else if (other !== undefined) {
      findings.push({ path: [...path, "path"], expected: `a path that "${other}" does not have`, found: quote(route) });
    }
    routes.set(route, id);
  }
  return findings;
}

function checkTransport(one: unknown, at: Path): Finding[] {
  if (!isRecord(one)) return [];
  const hasUrl = textOf(one, "url") !== undefined;
  const stdio = one["stdio"];
  const ways = [hasUrl, textOf(one, "command") !== undefined, stdio !== undefined].filter(Boolean).length;
  if (ways !== 1) {
    const expected = at[0] === "servers" ? "either a url or a command" : "either a url or stdio.command";
    return [{ path: at, expected, found: ways === 0 ? "neither" : "both" }];
  }
  const wanted = hasUrl ? "http" : "stdio";
  const transport = textOf(one, "transport") ?? wanted;
  if (transport !== wanted) {
    const expected = hasUrl ? "http, as there is a url" : "stdio, as there is a command";
    return [{ path: [...at, "transport"], expected, found: quote(transport) }];
  }
  if (isRecord(stdio) && textOf(stdio, "command") === undefined) {
    return [{ path: [...at, "stdio"], expected: "a command", found: "none" }];
  }
  return [];
}

/** An era is told of children alone, and each has its own ways of sharing them. */
function checkIsolation(one: unknown, at: Path): Finding[] {
  const era = textOf(one, "era");
  const isolation = textOf(one, "isolation");
  const found = isolation === undefined ? "" : quote(isolation);
  if (textOf(one, "url") !== undefined) {
    const keys = ["era", "isolation"].filter((key) => textOf(one, key) !== undefined);
    return keys.map((key) => ({
      path: [...at, key],
      expected: "none, as there is a url: only children have it",
      found: quote(textOf(one, key) ?? ""),
    }));
  }
  const path = [...at, "isolation"];
  if (era === "modern" && isolation === "session") {
    return [{ path, expected: "principal or shared, as the modern era has no sessions", found }];
  }
  if (era === "legacy" && (isolation === "principal" || isolation === "shared")) {
    return [{ path, expected: "session, as a child of the legacy era can serve one session only", found }];
  }
  return [];
}

function route(path: string | undefined): string | undefined {
  return path === undefined ? undefined : normalisePath(path);
}
