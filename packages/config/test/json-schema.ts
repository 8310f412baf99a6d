/** Judges a value by the part of JSON Schema that the server's schema uses: a reader that is not the server's own. */
type Schema = Readonly<Record<string, unknown>>;

/** Where and by which word a value fails; empty when it does not. */
export function failuresOf(schema: unknown, value: unknown, root = schema as Schema, at = ""): string[] {
  if (schema === true || schema === undefined) return [];
  if (schema === false) return [`${at} is not wanted`];
  const one = schema as Schema;
  for (const word of Object.keys(one)) {
    if (!KNOWN.has(word)) throw new Error(`the schema uses "${word}", which this judge does not know`);
  }
  if (typeof one["$ref"] === "string") return failuresOf(follow(root, one["$ref"]), value, root, at);
  const options = one["anyOf"] as readonly unknown[] | undefined;
  if (options && !options.some((option) => failuresOf(option, value, root, at).length === 0)) {
    return [`${at} fits none of ${options.length}`];
  }
  return [...scalarFailures(one, value, at), ...memberFailures(one, value, root, at)];
}

const KNOWN = new Set(
  `$schema $defs $ref title description default examples type anyOf properties required additionalProperties propertyNames
  items minItems pattern enum const minLength minimum maximum`.split(/\s+/),
);

function follow(root: Schema, ref: string): unknown {
  return ref
    .split("/")
    .slice(1)
    .reduce<unknown>((node, part) => (node as Schema)[part], root);
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (value === null) return "null";
  return Number.isInteger(value) ? "integer" : typeof value;
}

function scalarFailures(schema: Schema, value: unknown, at: string): string[] {
  const found: string[] = [];
  const fail = (word: string, isBad: boolean): unknown => isBad && word in schema && found.push(`${at}: ${word}`);
  const type = typeOf(value);
  const types = new Set([schema["type"]].flat());
  fail("type", !types.has(type) && !(type === "integer" && types.has("number")));
  fail("const", schema["const"] !== value);
  fail("enum", !(schema["enum"] as readonly unknown[] | undefined)?.includes(value));
  if (typeof value === "string") {
    fail("pattern", !new RegExp(String(schema["pattern"]), "u").test(value));
    fail("minLength", value.length < Number(schema["minLength"]));
  }
  if (typeof value === "number") {
    fail("minimum", value < Number(schema["minimum"]));
    fail("maximum", value > Number(schema["maximum"]));
  }
  if (Array.isArray(value)) fail("minItems", value.length < Number(schema["minItems"]));
  return found;
}

function memberFailures(schema: Schema, value: unknown, root: Schema, at: string): string[] {
  if (Array.isArray(value)) return value.flatMap((one, i) => failuresOf(schema["items"], one, root, `${at}[${i}]`));
  if (typeof value !== "object" || value === null) return [];
  const properties = (schema["properties"] ?? {}) as Schema;
  const found = ((schema["required"] ?? []) as readonly string[])
    .filter((one) => !(one in value))
    .map((one) => `${at}.${one} is missing`);
  for (const [key, member] of Object.entries(value)) {
    const below = key in properties ? properties[key] : schema["additionalProperties"];
    found.push(...failuresOf(schema["propertyNames"], key, root, `${at}.${key}`));
    found.push(...failuresOf(below, member, root, `${at}.${key}`));
  }
  return found;
}
