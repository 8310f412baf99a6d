/**
 * `SMCP_PROXY_*`: variables that count more than the file. Each scalar key has one, named after its path; lists are
 * written with commas. What a variable holds is never read for references.
 */
import type { z } from "zod";
import { type Environment, isServiceLink, isSet, switchOf } from "./flags.ts";
import { kindsOf } from "./field.ts";
import { type Leaf, leavesOf } from "./leaves.ts";
import { listenHost } from "./listen.ts";
import { nearestOf } from "./nearest.ts";
import { type Path, quote } from "./problem.ts";
import type { Resolved } from "./references.ts";
import { isRecord, valueAt } from "./untyped.ts";

/** What the names of the variables begin with. */
export const SERVER_PREFIX = "SMCP_PROXY_";

/** Variables of the server that stand for flags and for no key. */
export const SERVER_VARIABLES: readonly string[] = ["CONFIG", "LOG_LEVEL", "LOG_FORMAT"].map(
  (one) => SERVER_PREFIX + one,
);

/** A file's values once the variables were put over them. */
export interface Overridden extends Resolved {
  /** The variable that counts, by its path as JSON. */
  readonly variables: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/** The variable of a path: `SMCP_PROXY_SERVER_PORT`. */
export function variableOf(path: Path): string {
  return (
    SERVER_PREFIX +
    path
      .map((part) =>
        String(part)
          .toUpperCase()
          .replaceAll(/[^A-Z0-9]/g, "_"),
      )
      .join("_")
  );
}

/** Puts the variables of the environment over a file's values. */
export function override(schema: z.ZodType, resolved: Resolved, env: Environment): Overridden {
  const root = copy(resolved.root);
  const written = new Map(resolved.written);
  const variables = new Map<string, string>();
  const warnings: string[] = [];
  for (const leaf of isRecord(root) ? leavesOf(schema, root) : []) {
    if (leaf.holds === "none") continue;
    const variable = variableOf(leaf.path);
    const text = Object.hasOwn(env, variable) ? env[variable] : undefined;
    if (text === undefined || !isSet(variable, text)) continue;
    if (!write(root, leaf.path, valueOf(leaf, text))) continue;
    const key = JSON.stringify(leaf.path);
    written.set(key, text);
    variables.set(key, variable);
    if (leaf.found.meta.unit === "seconds" && isBare(text)) {
      warnings.push(`${quote(variable)} is a bare number: it counts seconds, write ${text}s`);
    }
  }
  settleListen(root, variables);
  return { root, written, problems: resolved.problems, variables, warnings };
}

/** Sentences about variables that look like the server's and are not. */
export function unknownOverrides(
  schema: z.ZodType,
  root: unknown,
  env: Environment,
  others: readonly string[],
): string[] {
  const known = new Set([...leavesOf(schema, root).map((leaf) => variableOf(leaf.path)), ...others]);
  return Object.keys(env)
    .filter((one) => one.startsWith(SERVER_PREFIX) && !known.has(one) && !isServiceLink(one))
    .map((one) => {
      const nearest = nearestOf(one, known);
      return `the variable ${quote(one)} is not known${nearest === undefined ? "" : ` (did you mean "${nearest}"?)`}`;
    });
}

function isBare(text: string): boolean {
  return /^\d{1,15}(?:\.\d{1,15})?$/.test(text);
}

function valueOf({ found, holds }: Leaf, text: string): unknown {
  if (holds === "list")
    return text
      .split(",")
      .map((one) => one.trim())
      .filter((one) => one !== "");
  const kinds = kindsOf(found.schema);
  if (kinds.includes("boolean") && !kinds.includes("string")) return switchOf(text) ?? text;
  // Text is a size as it stands; a duration needs its unit, or is a number.
  const isNumber = kinds.includes("number") && (!kinds.includes("string") || found.meta.unit === "seconds");
  return isNumber && isBare(text) ? Number(text) : text;
}

/** Sets a value, making the maps on the way. False where something else stands in the way: that is told anyhow. */
function write(root: unknown, path: Path, value: unknown): boolean {
  let around = root as Record<PropertyKey, unknown>;
  for (const [i, part] of path.slice(0, -1).entries()) {
    const next = Object.hasOwn(around, part) ? around[part] : undefined;
    if (next === undefined && typeof path[i + 1] === "string") around[part] = Object.create(null);
    else if (!isRecord(next) && !Array.isArray(next)) return false;
    around = around[part] as Record<PropertyKey, unknown>;
  }
  around[path.at(-1) as string] = value;
  return true;
}

/** `listen` and `server.host`, `server.port` say the same: the form that a variable has counts more than the file's. */
function settleListen(root: unknown, variables: ReadonlyMap<string, string>): void {
  const listen = valueAt(root, ["listen"]);
  if (typeof listen !== "string") return;
  const has = (...path: string[]): boolean => variables.has(JSON.stringify(path));
  const server = valueAt(root, ["server"]) as Record<string, unknown> | undefined;
  if (has("listen")) {
    for (const key of ["host", "port"]) if (!has("server", key)) delete server?.[key];
  } else if (server && (has("server", "host") || has("server", "port"))) {
    server["host"] ??= listenHost(listen);
    server["port"] ??= Number(listen.slice(listen.lastIndexOf(":") + 1));
    delete (root as Record<string, unknown>)["listen"];
  }
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (!isRecord(value)) return value;
  const map = Object.create(null) as Record<string, unknown>;
  for (const [key, member] of Object.entries(value)) map[key] = copy(member);
  return map;
}

/** The name of the variable that a value at or around a path came from. */
export function originOf(path: Path, variables: ReadonlyMap<string, string>): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const variable = variables.get(JSON.stringify(path.slice(0, length)));
    if (variable !== undefined) return variable;
  }
  return undefined;
}
