/** The files as JSON Schema, for editors. As strict as the programs themselves, except for the rules between keys. */
import { z } from "zod";
import { clientFile } from "./client-load.ts";
import { textOf } from "./describe.ts";
import { type FieldMeta, findField } from "./field.ts";
import { serverFile } from "./schema.ts";
import { isRecord } from "./untyped.ts";

type Json = Record<string, unknown>;

/** The schema of the server's file, draft 2020-12. */
export function serverJsonSchema(): Json {
  return jsonSchemaOf(serverFile, "smcp server", "The configuration of smcp server, as smcp config schema prints it.");
}

/** The schema of client.yaml, draft 2020-12. */
export function clientJsonSchema(): Json {
  return jsonSchemaOf(
    clientFile,
    "smcp client",
    "The configuration of smcp client, as smcp config schema client prints it.",
  );
}

function jsonSchemaOf(file: z.ZodType, title: string, description: string): Json {
  const { $schema, ...schema } = z.toJSONSchema(file, {
    io: "input",
    target: "draft-2020-12",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => mend(zodSchema, jsonSchema as Json),
  }) as Json;
  return {
    $schema,
    title,
    ...(widen(schema) as Json),
    description,
    $defs: {
      reference: {
        description: "Text from elsewhere: ${env:NAME}, ${file:/path}, or the older ${NAME}.",
        type: "string",
        pattern: "\\$\\{[^{}]+\\}",
      },
    },
  };
}

const PATTERNS = {
  seconds: "^(?:(?:\\d+(?:\\.\\d+)?(?:ms|s|m|h))+|0)$",
  bytes: "^\\d+(?:\\.\\d+)? ?(?:[KkMmGg]i?)?[Bb]?$",
};

/** Our words become JSON Schema's. */
function mend(zodSchema: z.core.$ZodType, schema: Json): void {
  for (const own of ["expected", "fallback", "example", "unit", "secret"]) delete schema[own];
  const { def } = (zodSchema as z.core.$ZodTypes)._zod;
  const meta: FieldMeta = findField(zodSchema, [])?.meta ?? {};
  if (def.type === "prefault") delete schema["default"];
  if (def.type === "default")
    schema["default"] = meta.unit === undefined ? def.defaultValue : textOf(def.defaultValue, meta);
  if (schema["maximum"] === Number.MAX_SAFE_INTEGER) delete schema["maximum"];
  Object.assign(schema, wordsOf(meta));
  if (def.type === "pipe" && meta.unit !== undefined) {
    delete schema["type"];
    schema["anyOf"] = withUnit(meta.unit);
  }
}

function wordsOf(meta: FieldMeta): Json {
  return {
    ...(meta.description !== undefined && { description: sentences(meta) }),
    ...(meta.example !== undefined && { examples: [meta.example] }),
  };
}

function withUnit(unit: "seconds" | "bytes"): Json[] {
  return [
    { type: "string", pattern: PATTERNS[unit] },
    { type: "number", minimum: 0 },
  ];
}

function sentences({ description = "", fallback, expected, unit }: FieldMeta): string {
  const takes = expected === undefined ? "" : ` Takes ${expected}.`;
  const bare = unit === undefined ? "" : ` A bare number counts ${unit}.`;
  return `${upperFirst(description)}.${fallback === undefined ? "" : ` Default: ${fallback}.`}${takes}${bare}`;
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const REFERENCE = { $ref: "#/$defs/reference" };
const ABOUT = new Set(["description", "default", "examples"]);

/** Lets a reference stand for any scalar, all the way down. */
function widen(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(widen);
  if (!isRecord(node)) return node;
  const about: Json = {};
  const rest: Json = {};
  for (const [key, value] of Object.entries(node)) {
    if (ABOUT.has(key)) about[key] = value;
    else if (key === "properties") rest[key] = widenEach(value);
    else if (key === "items" || key === "additionalProperties" || key === "anyOf") rest[key] = widen(value);
    else rest[key] = value;
  }
  const choices = choicesOf(rest);
  return choices.length === 1 ? { ...about, ...choices[0] } : { ...about, anyOf: choices };
}

function widenEach(properties: unknown): Json {
  return Object.fromEntries(Object.entries(properties as Json).map(([key, value]) => [key, widen(value)]));
}

function choicesOf(rest: Json): Json[] {
  const options = Array.isArray(rest["anyOf"]) ? (rest["anyOf"] as Json[]) : [rest];
  const flat = options.flatMap((one) => (Array.isArray(one["anyOf"]) ? (one["anyOf"] as Json[]) : [one]));
  const isText = flat.some((one) => one["type"] === "string" && Object.keys(one).length === 1);
  const narrow = flat.filter((one) => !("$ref" in one) && (!isText || !isNarrowText(one)));
  const isScalar = narrow.some((one) => !["object", "array", undefined].includes(one["type"] as string | undefined));
  return isText || !isScalar ? narrow : [...narrow, REFERENCE];
}

function isNarrowText(schema: Json): boolean {
  return schema["type"] === "string" && Object.keys(schema).length > 1;
}
