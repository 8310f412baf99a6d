/** `configs/smcp.example.yaml`: every key of the server's file. What is not commented out starts as it is. */
import { describe, textOf } from "../src/describe.ts";
import { findField, type Found, kindsOf, knownKeys, shapesOf } from "../src/field.ts";
import { formatPath, type Path } from "../src/problem.ts";
import { serverFile } from "../src/schema.ts";
import { unbuiltPart } from "../src/unbuilt.ts";
import { isRecord } from "../src/untyped.ts";

const HEAD = `## Every key of smcp server's file, with its default or an example. Generated: npm run generate.
##
## What is not commented out starts as it is; comment in what you want otherwise. A key that is left out has its default.
## Some keys exclude each other: listen and server.host, url and command, key and key_hash, role and roles.
`;

/** What is not commented out. */
const ACTIVE: Readonly<Record<string, string>> = {
  listen: '"127.0.0.1:8080"',
  auth: "",
  "auth.mode": "none",
  servers: "",
  "servers.memory": "",
  "servers.memory.command": "npx",
  "servers.memory.args": '[-y, "@modelcontextprotocol/server-memory"]',
};

/** Names for the members of maps, by the map's own name. */
const NAMES: Readonly<Record<string, string>> = {
  servers: "memory",
  roles: "eng",
  env: "NAME",
  required_claims: "department",
  optional_claims: "department",
  claims: "department",
};

/** Values for what has neither a default nor an example. */
const VALUES: Readonly<Record<string, string>> = {
  "api_keys[0].expires_at": "2027-01-31",
  "agents[0].expires_at": "2027-01-31",
  "api_keys[0].key_hash": '"${env:ALICE_KEY_HASH}"',
  "agents[0].key_hash": '"${env:CI_KEY_HASH}"',
  "api_keys[0].allowed_cidrs": '["10.0.0.0/8"]',
  "agents[0].allowed_cidrs": '["10.0.0.0/8"]',
  "roles.eng.allow[0].tools": '["github:*"]',
  "roles.eng.allow[0].when": "'args.repo.startsWith(\"acme/\")'",
  "roles.eng.deny[0].tools": '["*:delete_*"]',
  "roles.eng.deny[0].when": 'caller.kind == "agent"',
  "policies[0].rules[0].conditions[0].value": '"${caller.claims.customer}"',
};

/** Where a line stands: its indentation, and where the mark is that comments it out, if one does. */
interface Where {
  readonly indent: string;
  readonly mark: string | undefined;
}

/** The whole file. */
export function example(): string {
  const top: Where = { indent: "", mark: undefined };
  const parts = knownKeys(findField(serverFile, [])).map((key) => lines([key], top).join("\n"));
  return `${HEAD}\n${parts.join("\n\n")}\n`;
}

function lines(path: Path, where: Where): string[] {
  const found = findField(serverFile, path);
  if (!found) return [];
  const key = `${textOf(path.at(-1), {})}:`;
  const isActive = Object.hasOwn(ACTIVE, formatPath(path));
  const own: Where = { ...where, mark: isActive ? undefined : (where.mark ?? where.indent) };
  return [...prose(path, found, where), ...body(path, found, own, key)];
}

function body(path: Path, found: Found, where: Where, key: string): string[] {
  const shapes = shapesOf(found);
  const below: Where = { ...where, indent: `${where.indent}  ` };
  if (shapes.includes("object")) {
    return [put(where, key), ...knownKeys(found).flatMap((one) => lines([...path, one], below))];
  }
  if (shapes.includes("map")) return [put(where, key), ...member(path, found, below)];
  const item = findField(serverFile, [...path, 0]);
  if (shapes.includes("list") && item && shapesOf(item).includes("object")) {
    return [put(where, key), ...items([...path, 0], item, below)];
  }
  return [put(where, `${key} ${ACTIVE[formatPath(path)] ?? valueOf(path, found)}`)];
}

/** One member of a map: of the map's example, or one with a name that fits. */
function member(path: Path, { meta }: Found, where: Where): string[] {
  const [given] = isRecord(meta.example) ? Object.entries(meta.example) : [];
  const name = given?.[0] ?? NAMES[String(path.at(-1))] ?? "name";
  const found = findField(serverFile, [...path, name]);
  if (!found) return [];
  const key = `${textOf(name, {})}:`;
  return given ? [put(where, `${key} ${textOf(given[1], {})}`)] : body([...path, name], found, where, key);
}

/** An item of a list of maps; where text may stand instead, the text first. */
function items(path: Path, item: Found, where: Where): string[] {
  const list = findField(serverFile, path.slice(0, -1));
  const texts = shapesOf(item).includes("scalar") && Array.isArray(list?.meta.example) ? list.meta.example : [];
  const keys = knownKeys(item).flatMap((one) => lines([...path, one], { ...where, indent: `${where.indent}  ` }));
  const first = keys.findIndex((one) => !/^ *(?:# +)?## /.test(one));
  const dashed = keys.map((one, i) => (i === first ? one.replace(/^((?:# )? *) {2}(?=\S)/, "$1- ") : one));
  return [...texts.map((one) => put(where, `- ${textOf(one, {})}`)), ...dashed];
}

function put({ indent, mark }: Where, text: string): string {
  return mark === undefined ? `${indent}${text}` : `${mark}# ${indent.slice(mark.length)}${text}`;
}

function prose(path: Path, found: Found, where: Where): string[] {
  const { description, type, fallback } = describe(found);
  const later = { whole: " Not built yet.", part: " Other values are not built yet." };
  const part = unbuiltPart(path);
  const isGroup = isSection(path, found);
  const takes = isGroup || type.startsWith("text on one line") ? "" : ` Takes ${type}.`;
  const otherwise = fallback === undefined || isGroup ? "" : ` Default: ${fallback}.`.replace("..", ".");
  const text = `${upperFirst(description)}.${takes}${otherwise}${part === undefined ? "" : later[part]}`;
  return wrap(text, put(where, "## "));
}

function isSection(path: Path, found: Found): boolean {
  const item = findField(serverFile, [...path, 0]);
  const shapes = new Set([...shapesOf(found), ...(item ? shapesOf(item) : [])]);
  return shapes.has("object") || shapes.has("map");
}

const WIDTH = 120;

function wrap(text: string, start: string): string[] {
  const found: string[] = [];
  let line = start;
  for (const word of text.split(" ")) {
    if (line.length + word.length > WIDTH && line !== start) {
      found.push(line.trimEnd());
      line = start;
    }
    line += `${word} `;
  }
  return [...found, line.trimEnd()];
}

function valueOf(path: Path, found: Found): string {
  const { example: given, secret } = found.meta;
  const own = VALUES[formatPath(path)];
  if (own !== undefined) return own;
  if (given !== undefined) return textOf(given, {});
  if (found.fallback !== undefined) return textOf(found.fallback, found.meta);
  if (secret === true) return `"\${env:${String(path.at(-1)).toUpperCase()}}"`;
  return sampleOf(path, found);
}

function sampleOf(path: Path, found: Found): string {
  const [, word] = /^one of (\w+)/.exec(found.meta.expected ?? "") ?? [];
  if (word !== undefined) return word;
  if (found.meta.unit === "seconds") return "60s";
  if (shapesOf(found).includes("list")) return "[text]";
  const kinds = kindsOf(found.schema);
  if (kinds.includes("boolean") && !kinds.includes("string")) return "true";
  if (kinds.includes("number") && !kinds.includes("string")) return "1";
  return kinds.includes("literal") && !kinds.includes("string")
    ? "true"
    : `my-${String(path.at(-1)).replaceAll("_", "-")}`;
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
