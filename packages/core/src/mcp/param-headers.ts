/**
 * `Mcp-Param-*` headers: which of them a tool's schema asks for, and whether they say what the body says. Schemas are data
 * of a backend: they are only looked through, nothing in them is resolved or fetched.
 */
import type { HeaderMap } from "../http/headers.ts";
import { refuse, type Refusal } from "../refusal.ts";
import { decodeHeader } from "./header-value.ts";

/** One argument that a tool wants mirrored in a header. */
export interface ParamHeader {
  /** As the schema spells it, without `Mcp-Param-`. */
  readonly name: string;
  /** The names that lead to the value in the call's arguments. */
  readonly path: readonly string[];
  readonly isNumber: boolean;
}

const ANNOTATION = "x-mcp-header";
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const DECIMAL = /^-?\d+(?:\.\d+)?$/;
/** `number` is not allowed, but what its owner meant is clear, and the SDK's server compares it too. */
const TYPES: ReadonlySet<unknown> = new Set(["string", "boolean", "integer", "number"]);
/** Deeper than people write schemas, and far from the end of the stack. */
const MAX_DEPTH = 64;

/** Keywords that hold schemas through which no annotation is reached: one below them makes the whole tool invalid. */
const ASIDE: readonly string[] = [
  "items",
  "prefixItems",
  "contains",
  "additionalProperties",
  "unevaluatedProperties",
  "unevaluatedItems",
  "propertyNames",
  "oneOf",
  "anyOf",
  "allOf",
  "not",
  "if",
  "then",
  "else",
];
/** The same, with the schemas under names. */
const ASIDE_BY_NAME: readonly string[] = ["patternProperties", "dependentSchemas", "$defs", "definitions"];

/** What a tool's `inputSchema` wants mirrored; nothing where an annotation is invalid, for then no client calls the tool. */
export function paramHeadersOf(inputSchema: unknown): readonly ParamHeader[] {
  const found: ParamHeader[] = [];
  return visit(inputSchema, [], 0, found) ? found : [];
}

/**
 * Compares a call's arguments with its headers. Refuses with HEADER_MISMATCH.
 *
 * @param args the value of `params.arguments`
 */
export function judgeParamHeaders(
  wanted: readonly ParamHeader[],
  args: unknown,
  headers: HeaderMap,
): Refusal | undefined {
  for (const one of wanted) {
    const value = valueAt(args, one.path);
    const text = textOf(value);
    if (text === undefined) continue;
    const header = headers.get(`mcp-param-${one.name.toLowerCase()}`);
    const said = header === undefined ? undefined : decodeHeader(header.trim());
    if (said === undefined || !isSame(said, value, text, one)) {
      return refuse("HEADER_MISMATCH", { header: `Mcp-Param-${one.name}` });
    }
  }
  return undefined;
}

function isSame(said: string, value: unknown, text: string, { isNumber }: ParamHeader): boolean {
  if (isNumber && typeof value === "number" && DECIMAL.test(said)) return Number(said) === value;
  return said === text;
}

/** As a header says it; `undefined` for what needs none: nothing, and numbers that not everybody reads alike. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value);
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let node = root;
  for (const name of path) node = isRecord(node) && Object.hasOwn(node, name) ? node[name] : undefined;
  return node;
}

/** False where an annotation breaks a rule. `path` is `undefined` where none may stand. */
function visit(node: unknown, path: readonly string[] | undefined, depth: number, found: ParamHeader[]): boolean {
  if (!isRecord(node)) return true;
  if (depth > MAX_DEPTH) return false;
  if (ANNOTATION in node && !annotate(node, path, found)) return false;
  const { properties } = node;
  for (const [name, one] of isRecord(properties) ? Object.entries(properties) : []) {
    if (!visit(one, path && [...path, name], depth + 1, found)) return false;
  }
  return schemasAside(node).every((one) => visit(one, undefined, depth + 1, found));
}

function schemasAside(node: Readonly<Record<string, unknown>>): unknown[] {
  return [
    ...ASIDE.flatMap((key) => node[key] ?? []),
    ...ASIDE_BY_NAME.flatMap((key) => Object.values(node[key] ?? {})),
  ];
}

function annotate(
  node: Readonly<Record<string, unknown>>,
  path: readonly string[] | undefined,
  found: ParamHeader[],
): boolean {
  const name = node[ANNOTATION];
  const { type } = node;
  if (path === undefined || path.length === 0) return false;
  if (typeof name !== "string" || !TOKEN.test(name) || !TYPES.has(type)) return false;
  if (found.some((one) => one.name.toLowerCase() === name.toLowerCase())) return false;
  found.push({ name, path, isNumber: type === "integer" || type === "number" });
  return true;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
