/**
 * What a file may ask for, and is checked, but what this version does not do yet. A server that ignored such a key
 * would be less safe than its owner believes, so it does not start with one.
 */
import { Failure } from "@smcp/core";
import type { Places } from "./document.ts";
import { originOf } from "./overrides.ts";
import { formatPath, type Path } from "./problem.ts";
import { valueAt } from "./untyped.ts";

/** One key that asks for something that is not built yet. */
export interface Unbuilt {
  readonly key: string;
  readonly line: number;
  /** The variable that asks for it, where the file does not. */
  readonly variable?: string;
}

interface Row {
  /** Where it stands; `*` is every member. */
  readonly path: Path;
  /** True for a value that asks for what is missing. Left out: any value that is not empty. */
  readonly asks?: (value: unknown) => boolean;
}

const isAnything = (): boolean => true;
const isEnabled = (value: unknown): boolean => valueAt(value, ["enabled"]) !== false;
const isOther =
  (built: unknown) =>
  (value: unknown): boolean =>
    value !== built;
const isFilled = (value: unknown): boolean =>
  value !== "" && value !== false && !(typeof value === "object" && value !== null && Object.keys(value).length === 0);

const backendRows = (path: Path): Row[] => [
  { path: [...path, "credentials"] },
  { path: [...path, "credential_mode"], asks: isOther("gateway") },
  { path: [...path, "token_header"] },
];

/** The one table: a row goes when its feature is built. */
const rows: readonly Row[] = [
  { path: ["metrics", "listen"] },
  { path: ["api_keys"] },
  { path: ["agents"] },
  // Even an empty one is a rule: what no rule allows is denied.
  { path: ["roles"], asks: isAnything },
  { path: ["policies"], asks: isAnything },
  { path: ["groups"] },
  { path: ["default_roles"] },
  { path: ["sso"], asks: isAnything },
  { path: ["oidc", "issuers", "*", "introspection"], asks: isAnything },
  { path: ["rate_limits"] },
  { path: ["ip_filter", "allow"] },
  { path: ["ip_filter", "deny"] },
  { path: ["identity_forwarding", "mode"], asks: isOther("headers") },
  { path: ["audit"], asks: isEnabled },
  { path: ["metering"], asks: isEnabled },
  { path: ["storage", "postgres_url"] },
  { path: ["storage", "redis_url"] },
  { path: ["telemetry", "otlp_endpoint"] },
  ...backendRows(["mcp", "backends", "*"]),
  ...backendRows(["servers", "*"]),
];

/** How much of a key is not built yet, where something is not: all of it, or all but one value. */
export function unbuiltPart(path: Path): "whole" | "part" | undefined {
  const row = rows.find(({ path: own }) =>
    own.every((part, i) => i < path.length && (part === "*" || part === path[i])),
  );
  if (!row) return undefined;
  return row.asks === undefined || row.asks === isAnything || row.asks === isEnabled ? "whole" : "part";
}

/** Everything in a file that is not built yet, in the file's order. */
export function findUnbuilt(root: unknown, places: Places, variables: ReadonlyMap<string, string>): Unbuilt[] {
  const found: Unbuilt[] = [];
  for (const { path, asks = isFilled } of rows) {
    for (const here of expand(root, path)) {
      const value = valueAt(root, here);
      if (value === undefined || !asks(value)) continue;
      const variable = originOf(here, variables);
      found.push({ key: formatPath(here), line: places.of(here).line, ...(variable !== undefined && { variable }) });
    }
  }
  return found.toSorted((a, b) => a.line - b.line);
}

/**
 * Refuses to go on with a file that asks for more than is built.
 *
 * @throws Failure with exit code 2
 */
export function refuseUnbuilt(unbuilt: readonly Unbuilt[], file: string): void {
  if (unbuilt.length === 0) return;
  const keys = unbuilt.map((one) => `"${one.key}" (${one.variable ?? `${file}:${one.line}`})`).join(", ");
  const hint = "take it out, or stay on the version you have; smcp server --check shows what would run";
  throw new Failure(`${keys} ${unbuilt.length === 1 ? "is" : "are"} not built yet in this version`, hint, 2);
}

function expand(root: unknown, path: Path): Path[] {
  const star = path.indexOf("*");
  if (star < 0) return [path];
  const around = path.slice(0, star);
  const value = valueAt(root, around);
  if (typeof value !== "object" || value === null) return [];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return keys.flatMap((key) => expand(root, [...around, key, ...path.slice(star + 1)]));
}
