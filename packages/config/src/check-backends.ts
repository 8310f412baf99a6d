/** The rules between backends: unique ids and paths, outside the server's own routes, one way to reach each. */
import type { Finding } from "./finding.ts";
import { type Path, quote } from "./problem.ts";
import { ownRoute, RESERVED_ID } from "./routes.ts";
import { normalisePath } from "./scalars.ts";
import { isRecord, listAt, textOf, valueAt } from "./untyped.ts";

interface Named {
  readonly path: Path;
  readonly id: string | undefined;
  readonly route: string | undefined;
}

/** Ids, paths and transports of the backends in both forms. */
export function checkBackends(root: unknown): Finding[] {
  const findings: Finding[] = [];
  const named: Named[] = [];
  for (const [i, one] of listAt(root, ["mcp", "backends"]).entries()) {
    const at = ["mcp", "backends", i];
    const id =
      textOf(one, "id") ?? (textOf(one, "name") === undefined ? undefined : backendId(textOf(one, "name") ?? ""));
    if (id === undefined) findings.push({ path: at, expected: "an id or a name", found: "neither" });
    named.push({ path: at, id, route: route(textOf(one, "path")) });
    findings.push(...checkTransport(one, at));
  }
  const servers = valueAt(root, ["servers"]);
  for (const [id, one] of isRecord(servers) ? Object.entries(servers) : []) {
    const at = ["servers", id];
    named.push({ path: at, id, route: route(textOf(one, "path") ?? `/mcp/${id}`) });
    if (textOf(one, "path") === undefined && normalisePath(`/mcp/${id}`) === undefined) {
      findings.push({ path: at, expected: "a name that can stand in a path, or a path of its own", found: quote(id) });
    }
    findings.push(...checkTransport(one, at));
  }
  return [...findings, ...checkNames(named, route(textOf(valueAt(root, ["metrics"]), "path")) ?? "/metrics")];
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
  for (const { path, id = "", route } of named) {
    const at = path[0] === "servers" ? path : [...path, "id"];
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

function route(path: string | undefined): string | undefined {
  return path === undefined ? undefined : normalisePath(path);
}
