/** Every key of a file that holds one value or a list of values: those that the schema names, and those under names of the file's own. */
import type { z } from "zod";
import { findField, type Found, knownKeys, shapesOf } from "./field.ts";
import type { Path } from "./problem.ts";
import { isRecord, listAt, valueAt } from "./untyped.ts";

/** A key at the end of its path. */
export interface Leaf {
  readonly path: Path;
  readonly found: Found;
  /** `none`: a map, or a list of maps, without members. */
  readonly holds: "one" | "list" | "none";
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
  const below = (parts: readonly (string | number)[]): Leaf[] =>
    parts.flatMap((part) => leavesOf(schema, root, [...path, part]));
  if (shapes.includes("list")) {
    const items = below([...listAt(root, path).keys()].filter((i) => isRecord(valueAt(root, [...path, i]))));
    if (isListOfScalars(found)) return [{ path, found, holds: "list" }, ...items];
    return items.length > 0 ? items : [{ path, found, holds: "none" }];
  }
  if (shapes.includes("object") && (isRecord(value) || !shapes.includes("scalar"))) return below(knownKeys(found));
  if (!shapes.includes("map")) return [{ path, found, holds: "one" }];
  const members = below(isRecord(value) ? Object.keys(value) : []);
  return members.length > 0 ? members : [{ path, found, holds: "none" }];
}

function isListOfScalars({ schema }: Found): boolean {
  const item = findField(schema, [0]);
  return item !== undefined && shapesOf(item).includes("scalar");
}

/** The name that stands for any member of a map. */
export const ANY_NAME = "<name>";

/** Values with one member in each map and each list of maps: their leaves are every key that there is. */
export function templateOf(schema: z.ZodType, path: Path = []): unknown {
  const found = findField(schema, path);
  const shapes = found ? shapesOf(found) : [];
  if (shapes.includes("object")) {
    return Object.fromEntries(knownKeys(found).map((key) => [key, templateOf(schema, [...path, key])]));
  }
  if (shapes.includes("map")) return { [ANY_NAME]: templateOf(schema, [...path, ANY_NAME]) };
  if (!shapes.includes("list")) return "";
  const item = templateOf(schema, [...path, 0]);
  return isRecord(item) ? [item] : [];
}
