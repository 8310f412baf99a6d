/** Every key of a file that holds one value or a list of values: those that the schema names, and those under names of the file's own. */
import type { z } from "zod";
import { findField, type Found, knownKeys, shapesOf } from "./field.ts";
import type { Path } from "./problem.ts";
import { isRecord, listAt, valueAt } from "./untyped.ts";

/** A key at the end of its path. */
export interface Leaf {
  readonly path: Path;
  readonly found: Found;
  readonly isList: boolean;
}

/**
 * Finds the leaves, in the schema's order.
 *
 * @param root the file's values: which members its maps and lists have
 */
export function leavesOf(schema: z.ZodType, root: unknown, path: Path = []): Leaf[] {
  const found = findField(schema, path);
  if (!found) return [];
  const shapes = shapesOf(found);
  const value = valueAt(root, path);
  if (shapes.includes("list")) {
    const items = listAt(root, path).flatMap((item, i) =>
      typeof item === "object" ? leavesOf(schema, root, [...path, i]) : [],
    );
    const item = findField(schema, [...path, 0]);
    return item && shapesOf(item).includes("scalar") ? [{ path, found, isList: true }, ...items] : items;
  }
  if (shapes.includes("object") && (isRecord(value) || !shapes.includes("scalar"))) {
    return knownKeys(found).flatMap((key) => leavesOf(schema, root, [...path, key]));
  }
  if (shapes.includes("map")) {
    const names = isRecord(value) ? Object.keys(value) : [];
    return names.flatMap((name) => leavesOf(schema, root, [...path, name]));
  }
  return [{ path, found, isList: false }];
}
