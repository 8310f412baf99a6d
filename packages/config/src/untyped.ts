/** Looking into values whose shape was not checked yet. */
import type { Path } from "./problem.ts";

/** The value at a path, own members only. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

/** True for a map of keys. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The list at a path; empty for anything else. */
export function listAt(root: unknown, path: Path): readonly unknown[] {
  const value = valueAt(root, path);
  return Array.isArray(value) ? value : [];
}

/** The text of a key; `undefined` for empty text and anything else. */
export function textOf(value: unknown, key: string): string | undefined {
  const found = valueAt(value, [key]);
  return typeof found === "string" && found !== "" ? found : undefined;
}
