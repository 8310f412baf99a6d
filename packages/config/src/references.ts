/**
 * `${env:NAME}`, `${file:/path}` and the older `${NAME}` inside string values. One pass after parsing: what a reference
 * gives is text and is never read again, so a variable can not add keys, nor further references.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Places } from "./document.ts";
import { type Path, type Problem, quote } from "./problem.ts";

/** Where references look things up. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths start here. */
  readonly cwd: string;
}

/** Values with every reference filled in. */
export interface Resolved {
  readonly root: unknown;
  /** The paths, as JSON, of values that hold a reference, with the text as the file has it. */
  readonly written: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

// What stands between the braces is bounded, so that a search for the end stays linear.
const MARK = /\$\$\{|\$\{([^{}]{0,1024})\}|\$\{/g;
const NAME = /^[A-Za-z_]\w*$/;
const MAX_FILE = 64 * 1024;

/** Fills references in everywhere below `root`; collects a problem for each that cannot be. */
export function resolveReferences(root: unknown, places: Places, surroundings: Surroundings): Resolved {
  const written = new Map<string, string>();
  const problems: Problem[] = [];

  const walk = (value: unknown, path: Path): unknown => {
    if (typeof value === "string") return value.includes("${") ? fill(value, path) : value;
    if (Array.isArray(value)) return value.map((item, i) => walk(item, [...path, i]));
    if (typeof value !== "object" || value === null) return value;
    const map = Object.create(null) as Record<string, unknown>;
    for (const [key, member] of Object.entries(value)) map[key] = walk(member, [...path, key]);
    return map;
  };

  const fill = (text: string, path: Path): string => {
    written.set(JSON.stringify(path), text);
    return text.replace(MARK, (mark: string, inner: string | undefined) => {
      if (mark === "$${") return "${";
      if (inner?.startsWith("caller.") === true && isConditionValue(path)) return mark;
      const found = lookUp(inner, surroundings);
      if (typeof found === "string") return found;
      problems.push({ path, ...places.of(path), ...found });
      // The value stays as it is written, lest other rules take it for missing.
      return mark;
    });
  };

  return { root: walk(root, []), written, problems };
}

type Missing = Pick<Problem, "expected" | "found">;

function lookUp(inner: string | undefined, { env, cwd }: Surroundings): string | Missing {
  if (inner === undefined) return { expected: 'a "}" after "${", or "$${" for the two characters', found: "none" };
  if (inner.startsWith("file:")) return readReferenced(inner.slice("file:".length), cwd);
  const name = inner.startsWith("env:") ? inner.slice("env:".length) : inner;
  if (!NAME.test(name)) {
    return { expected: '"${env:NAME}", "${file:/path}" or "$${"', found: quote(`\${${inner}}`) };
  }
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (value !== undefined && value !== "") return value;
  return {
    expected: `the environment variable ${quote(name)}`,
    found: value === undefined ? "none of that name" : "an empty one",
  };
}

function readReferenced(name: string, cwd: string): string | Missing {
  const expected = `the file ${quote(name)}`;
  try {
    const bytes = readFileSync(resolve(cwd, name));
    if (bytes.length > MAX_FILE) return { expected: `${expected} with at most 64 KiB`, found: "a larger one" };
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    return { expected, found: code === "ENOENT" ? "none of that name" : `one that cannot be read (${String(code)})` };
  }
}

// policies[].rules[].conditions[].value is filled in per call.
function isConditionValue(path: Path): boolean {
  return path[0] === "policies" && path.includes("conditions") && path.includes("value");
}
