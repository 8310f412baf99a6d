/** A key in words: what it is for, what it takes, what it is when it is left out. The same words everywhere. */
import { formatBytes, formatDuration } from "@smcp/core";
import { type FieldMeta, findField, type Found, shapesOf } from "./field.ts";
import { ANY_NAME } from "./leaves.ts";
import { formatPath, type Path } from "./problem.ts";
import { isRecord } from "./untyped.ts";

/** The words about one key. */
export interface Described {
  readonly description: string;
  readonly type: string;
  /** As one would write it, or a sentence; left out where the key must be given. */
  readonly fallback?: string;
  readonly example?: string;
}

/** Describes a key. */
export function describe(found: Found): Described {
  const { description = "", fallback: words, example } = found.meta;
  const fallback = words ?? (found.fallback === undefined ? undefined : textOf(found.fallback, found.meta));
  return {
    description,
    type: typeOf(found),
    ...(fallback !== undefined && { fallback }),
    ...(example !== undefined && { example: textOf(example, {}) }),
  };
}

function typeOf(found: Found): string {
  const { expected } = found.meta;
  const shapes = shapesOf(found);
  const of = findField(found.schema, [0])?.meta.expected;
  if (shapes.includes("list") && !shapes.includes("scalar")) return of === undefined ? "a list" : `a list, each ${of}`;
  if (expected !== undefined) return shapes.includes("list") ? `${expected}, or a list` : expected;
  if (shapes.includes("list")) return "text, or a list of texts";
  if (shapes.includes("map")) return "a map of names";
  return shapes.includes("object") ? "a section" : "anything";
}

/** A value on one line, as YAML takes it; durations and sizes with their units. */
export function textOf(value: unknown, { unit }: Pick<FieldMeta, "unit">): string {
  if (typeof value === "number" && unit === "seconds") return formatDuration(value);
  if (typeof value === "number" && unit === "bytes") return formatBytes(value);
  if (typeof value === "string") return isPlain(value) ? value : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((one) => textOf(one, {})).join(", ")}]`;
  if (!isRecord(value)) return String(value);
  const members = Object.entries(value).map(([key, one]) => `${textOf(key, {})}: ${textOf(one, {})}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

// What YAML would read as itself, in a flow too; anything else stands in quotes.
const PLAIN = /^[A-Za-z_./][\w./+-]*$/;
const WORDS = /^(?:true|false|null|yes|no|on|off|y|n|\.inf|\.nan)$/i;

function isPlain(text: string): boolean {
  return PLAIN.test(text) && !WORDS.test(text);
}

/** A path for reading: `mcp.backends[].id`, `servers.<name>.url`. */
export function templatePath(path: Path): string {
  return formatPath(path.map((part) => (part === 0 ? "[]" : part)))
    .replaceAll('["[]"]', "[]")
    .replaceAll(`["${ANY_NAME}"]`, `.${ANY_NAME}`);
}
