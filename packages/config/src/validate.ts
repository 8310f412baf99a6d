/**
 * A tree of values against a schema: the checked value, or every problem with its place. The only reader of zod's
 * issues. Values of secret fields, and whatever came out of a reference, never reach a problem.
 */
import type { z } from "zod";
import type { Tree } from "./document.ts";
import { findField, type Found, kindsOf, knownKeys } from "./field.ts";
import { nearestOf } from "./nearest.ts";
import { formatPath, type Path, type Problem, quote } from "./problem.ts";
import type { Resolved } from "./references.ts";
import { valueAt } from "./untyped.ts";

/** What became of a tree. */
export interface Validated<T> {
  /** Present when nothing is wrong. */
  readonly value?: T;
  readonly problems: readonly Problem[];
}

/** Checks a tree, whose references are filled in, against a schema. */
export function validate<T extends z.ZodType>(schema: T, tree: Tree, resolved: Resolved): Validated<z.output<T>> {
  const judge = new Judge(schema, tree, resolved);
  const problems = judge.oddNumbers();
  let parsed = schema.safeParse(resolved.root);
  if (!parsed.success && judge.convert(parsed.error.issues)) parsed = schema.safeParse(resolved.root);
  if (!parsed.success) problems.push(...judge.explain(parsed.error.issues, []));
  if (parsed.success && problems.length === 0) return { value: parsed.data, problems };
  return { problems };
}

/**
 * Sentences about durations that are bare numbers.
 *
 * @param where the place of a key in words; `undefined` for one that does not count
 */
export function bareNumbers(schema: z.ZodType, root: unknown, where: (path: Path) => string | undefined): string[] {
  const found: string[] = [];
  const walk = (value: unknown, path: Path): void => {
    if (typeof value === "number") {
      const place = findField(schema, path)?.meta.unit === "seconds" ? where(path) : undefined;
      if (place !== undefined) {
        found.push(`"${formatPath(path)}" (${place}) is a bare number: it counts seconds, write ${value}s`);
      }
    } else if (typeof value === "object" && value !== null) {
      for (const [key, member] of Object.entries(value)) {
        walk(member, [...path, Array.isArray(value) ? Number(key) : key]);
      }
    }
  };
  walk(root, []);
  return found;
}

type Issue = z.core.$ZodIssue;

class Judge {
  readonly #schema: z.ZodType;
  readonly #tree: Tree;
  readonly #resolved: Resolved;

  constructor(schema: z.ZodType, tree: Tree, resolved: Resolved) {
    this.#schema = schema;
    this.#tree = tree;
    this.#resolved = resolved;
  }

  /** Numbers such as 1.10 or 0x10 where text is wanted: what they would become is not what was written. */
  oddNumbers(): Problem[] {
    const problems: Problem[] = [];
    for (const { path, source } of this.#tree.odd) {
      const found = findField(this.#schema, path);
      const kinds = found ? kindsOf(found.schema) : [];
      if (!kinds.includes("number") || kinds.includes("string")) {
        const shown = found?.meta.secret === true ? "a number" : source;
        problems.push(this.#problem(path, "quotes around what looks like a number", shown));
      }
    }
    return problems;
  }

  /** Gives text from a reference the type that its key wants. True when anything was changed. */
  convert(issues: readonly Issue[]): boolean {
    let changed = false;
    for (const issue of issues) {
      if (issue.code !== "invalid_type" || !this.#resolved.written.has(JSON.stringify(issue.path))) continue;
      const value = convertText(valueAt(this.#resolved.root, issue.path as Path), issue.expected);
      if (value === undefined) continue;
      const around = valueAt(this.#resolved.root, issue.path.slice(0, -1) as Path) as Record<PropertyKey, unknown>;
      around[issue.path.at(-1) as PropertyKey] = value;
      changed = true;
    }
    return changed;
  }

  explain(issues: readonly Issue[], around: Path): Problem[] {
    return issues.flatMap((issue) => this.#explain(issue, [...around, ...(issue.path as Path)]));
  }

  #explain(issue: Issue, path: Path): Problem[] {
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => this.#unknown([...path, key]));
    if (issue.code === "invalid_key") {
      const expected = issue.issues.length > 0 ? this.#keyExpected(path) : "another key";
      return [this.#problem(path, expected, quote(String(path.at(-1))))];
    }
    if (issue.code === "invalid_union") {
      // Of a union's forms the one that the value has the type of is the one that was meant.
      const meant = issue.errors.filter((errors) => !errors.some((one) => one.path.length === 0 && isOfType(one)));
      const only = meant.length === 1 ? meant[0] : undefined;
      if (only?.some((one) => one.path.length > 0 || one.code === "unrecognized_keys")) return this.explain(only, path);
    }
    const found = findField(this.#schema, path);
    return [
      this.#problem(path, found?.meta.expected ?? expectedOf(issue), this.#found(path, found), this.#near(issue, path)),
    ];
  }

  #unknown(path: Path): Problem {
    const known = knownKeys(findField(this.#schema, path.slice(0, -1)));
    const key = String(path.at(-1));
    const nearest = nearestOf(key, known);
    const list = known.length <= 8 ? `one of ${known.join(", ")}` : "a known key";
    return this.#problem(path, nearest === undefined ? list : "a known key", quote(key), nearest);
  }

  #keyExpected(path: Path): string {
    const map = findField(this.#schema, path.slice(0, -1));
    const def = (map?.schema as z.core.$ZodTypes | undefined)?._zod.def;
    const key = def?.type === "record" ? (def.keyType as z.ZodType).meta() : undefined;
    return typeof key?.["expected"] === "string" ? key["expected"] : "another key";
  }

  #near(issue: Issue, path: Path): string | undefined {
    const value = valueAt(this.#resolved.root, path);
    if (issue.code !== "invalid_value" || typeof value !== "string") return undefined;
    return nearestOf(value, issue.values.map(String));
  }

  #found(path: Path, field: Found | undefined): string {
    const written = this.#resolved.written.get(JSON.stringify(path));
    const value = written ?? valueAt(this.#resolved.root, path);
    return describeValue(value, field?.meta.secret === true);
  }

  #problem(path: Path, expected: string, found: string, nearest?: string): Problem {
    const place = this.#tree.places.of(path);
    return { path, ...place, expected, found, ...(nearest !== undefined && { nearest }) };
  }
}

/** A value in words; where it may be secret, only its kind. */
export function describeValue(value: unknown, isSecret: boolean): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  if (typeof value === "string") {
    if (value === "") return "empty text";
    if (isSecret) return "text that is not shown";
    return /\/\/[^/]*@/.test(value) ? "a URL with a user or a password" : quote(value);
  }
  if (isSecret) return typeof value === "number" ? "a number" : "a switch";
  return JSON.stringify(value);
}

function isOfType(issue: Issue): boolean {
  return issue.code === "invalid_type" || issue.code === "invalid_value";
}

function convertText(value: unknown, expected: string): unknown {
  if (typeof value !== "string") return undefined;
  if (expected === "boolean") return value === "true" ? true : value === "false" ? false : undefined;
  if (expected !== "number" && expected !== "int") return undefined;
  return /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$/.test(value) ? Number(value) : undefined;
}

function expectedOf(issue: Issue): string {
  if (issue.code !== "invalid_type") return "another value";
  if (issue.expected === "object" || issue.expected === "record") return "a map of keys";
  if (issue.expected === "array") return "a list";
  return issue.expected === "string" ? "text" : `a ${issue.expected}`;
}
