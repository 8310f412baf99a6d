/**
 * What a schema says about itself beyond its shape, and how to find the schema of a path. The reference, the editor's
 * schema, `explain` and the problems printed at start all read this.
 */
import type { z } from "zod";
import type { Path } from "./problem.ts";

/** What is known about a field. */
export interface FieldMeta {
  /** One sentence, lower case, no full stop. */
  readonly description?: string;
  /** How a right value looks, to go after "expected". */
  readonly expected?: string;
  /** The default in words where it is not a plain value. */
  readonly fallback?: string;
  readonly example?: unknown;
  /** What a bare number counts. */
  readonly unit?: "seconds" | "bytes";
  /** The value, and everything below it, is never printed. */
  readonly secret?: boolean;
}

/** Gives a schema its description. */
export function field<T extends z.ZodType>(schema: T, meta: FieldMeta): T {
  return schema.meta({ ...schema.meta(), ...meta });
}

/** The schema that judges a path. */
export interface Found {
  /** Without wrappers: an object, a record, a list, a union or a scalar. */
  readonly schema: z.core.$ZodType;
  /** Of the schema and its wrappers; `secret` also of everything around it. */
  readonly meta: FieldMeta;
  /** The default as it is once read: milliseconds, bytes. */
  readonly fallback?: unknown;
}

/** How a value is put together. */
export type Shape = "object" | "map" | "list" | "scalar";

/** Finds the schema of a path, `undefined` below an unknown key. */
export function findField(root: z.core.$ZodType, path: Path): Found | undefined {
  let found = unwrap(root);
  for (const part of path) {
    const below = memberOf(found.schema, part);
    if (!below) return undefined;
    const next = unwrap(below);
    const secret = next.meta.secret === true || found.meta.secret === true;
    found = { ...next, meta: { ...next.meta, secret } };
  }
  return found;
}

/** The names that an object's schema knows; empty for anything else. */
export function knownKeys(found: Found | undefined): readonly string[] {
  const shape = found && objectOf(found.schema);
  return shape ? Object.keys(shape) : [];
}

/** The shapes that a value may have; several where a short form stands for a long one. */
export function shapesOf({ schema }: Pick<Found, "schema">): readonly Shape[] {
  const def = definition(schema);
  if (def.type === "union") return def.options.flatMap((option) => shapesOf(unwrap(option)));
  if (def.type === "object") return ["object"];
  if (def.type === "record") return ["map"];
  return def.type === "array" ? ["list"] : ["scalar"];
}

/** The types of scalars that a schema takes: `string`, `number`, `int`, `boolean`, `enum`, `literal`, `any`. */
export function kindsOf(schema: z.core.$ZodType): readonly string[] {
  const def = definition(schema);
  return def.type === "union" ? def.options.flatMap((one) => kindsOf(unwrap(one).schema)) : [def.type];
}

function definition(schema: z.core.$ZodType): z.core.$ZodTypes["_zod"]["def"] {
  return (schema as z.core.$ZodTypes)._zod.def;
}

function unwrap(start: z.core.$ZodType): Found {
  let schema = start;
  let fallback: unknown;
  const metas: (FieldMeta | undefined)[] = [];
  for (;;) {
    metas.push((schema as z.ZodType).meta() as FieldMeta | undefined);
    const def = definition(schema);
    if (def.type === "default") fallback ??= def.defaultValue;
    if (def.type === "optional" || def.type === "default" || def.type === "prefault") schema = def.innerType;
    else if (def.type === "pipe") schema = def.in;
    // The outermost word counts: a use of a scalar may say more than the scalar itself.
    else return { schema, meta: Object.assign({}, ...metas.toReversed()) as FieldMeta, fallback };
  }
}

function objectOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> | undefined {
  const def = definition(schema);
  if (def.type === "object") return def.shape;
  if (def.type !== "union") return undefined;
  for (const option of def.options) {
    const shape = objectOf(unwrap(option).schema);
    if (shape) return shape;
  }
  return undefined;
}

function memberOf(schema: z.core.$ZodType, part: string | number): z.core.$ZodType | undefined {
  const def = definition(schema);
  if (def.type === "union") {
    for (const option of def.options) {
      const member = memberOf(unwrap(option).schema, part);
      if (member) return member;
    }
    return undefined;
  }
  if (typeof part === "number") return def.type === "array" ? def.element : undefined;
  if (def.type === "record") return def.valueType;
  if (def.type === "object") return Object.hasOwn(def.shape, part) ? def.shape[part] : undefined;
  return undefined;
}
