/** The strict scanner beside `JSON.parse` and a second reading of the rules, which keeps every member of every object. */
import { isRefusal, readMessageText, type Message } from "@smcp/core";

import { Ambiguous, NotJson, scan } from "../../../core/src/mcp/scan.ts";
import { fuzzed, same } from "../fuzzed.ts";
import { jsonText } from "./json-text.ts";

const MCP = "io.modelcontextprotocol/";
const LEVELS: Readonly<Record<Level, readonly string[]>> = {
  envelope: ["jsonrpc", "id", "method", "params", "result", "error"],
  params: [
    "name",
    "uri",
    "arguments",
    "_meta",
    "taskId",
    "cursor",
    "requestId",
    "progressToken",
    "protocolVersion",
    "requestState",
    "inputResponses",
    "ref",
    "task",
  ],
  meta: [
    "progressToken",
    "traceparent",
    "tracestate",
    "baggage",
    ...["protocolVersion", "clientCapabilities", "clientInfo", "logLevel", "subscriptionId", "related-task"].map(
      (one) => MCP + one,
    ),
  ],
};
type Level = "envelope" | "params" | "meta";

const BELOW: Readonly<Record<string, Level | undefined>> = { "envelope.params": "params", "params._meta": "meta" };

type Node = { readonly items: readonly Node[] } | { readonly members: readonly (readonly [string, Node])[] } | string;

/** A tree of a text that is JSON, each member kept. */
function treeOf(text: string): Node {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs) ?? [];
  let at = 0;
  const read = (): Node => {
    const token = tokens[at++] ?? "";
    if (token === "[") {
      const items: Node[] = [];
      while (tokens[at] !== "]") {
        items.push(read());
        if (tokens[at] === ",") at++;
      }
      at++;
      return { items };
    }
    if (token !== "{") return token;
    const members: [string, Node][] = [];
    while (tokens[at] !== "}") {
      const name = JSON.parse(tokens[at] ?? "") as string;
      at += 2;
      members.push([name, read()]);
      if (tokens[at] === ",") at++;
    }
    at++;
    return { members };
  };
  return read();
}

/** Which rule a tree breaks, if it breaks one. */
function ruleBroken(node: Node, level: Level | undefined, depth = 1): string | undefined {
  if (typeof node === "string") return undefined;
  if (depth > 64) return "depth";
  if ("items" in node) return first(node.items, (one) => ruleBroken(one, undefined, depth + 1));
  const names = node.members.map(([name]) => name);
  if (new Set(names).size < names.length) return "twice";
  return first(node.members, ([name, held]) => {
    if (!name.isWellFormed()) return "half a pair";
    if (level && LEVELS[level].some((one) => one !== name && isTaken(name, one))) return "twin";
    return ruleBroken(held, level && BELOW[`${level}.${name}`], depth + 1);
  });
}

function first<T>(values: readonly T[], find: (value: T) => string | undefined): string | undefined {
  for (const value of values) {
    const found = find(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** True when some reader takes a name for another one. */
function isTaken(name: string, meant: string): boolean {
  const readers: ((text: string) => string)[] = [
    (text) => text.toLowerCase(),
    (text) => text.toUpperCase(),
    (text) => text.toUpperCase().toLowerCase(),
    // Java compares character by character, and its capital I with a dot is an I.
    (text) => text.replaceAll("\u0130", "I").toUpperCase(),
  ];
  const texts = [name, name.replaceAll("\0", ""), name.split("\0", 1)[0] ?? ""];
  const simple = new RegExp(`^${meant.replaceAll(/[./]/g, "\\$&")}$`, "iu");
  return texts.some((text) => simple.test(text) || readers.some((read) => read(text) === read(meant)));
}

function verdictOf(text: string): string {
  try {
    scan(text);
    return "read";
  } catch (error) {
    if (error instanceof NotJson) return "not JSON";
    if (error instanceof Ambiguous) return "ambiguous";
    throw error;
  }
}

export const jsonScan = fuzzed("json-scan", jsonText, (text) => {
  const verdict = verdictOf(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    if (verdict === "read") throw new Error("a text that is not JSON was read");
    return;
  }
  const broken = ruleBroken(treeOf(text), "envelope");
  same(
    verdict,
    broken === undefined ? "read" : "ambiguous",
    `the verdict on a text that breaks "${broken ?? "no rule"}"`,
  );
  if (verdict === "read") compareMembers(text, value);
});

function compareMembers(text: string, value: unknown): void {
  const { params } = Object(value) as { params?: unknown };
  const at: Record<Level, unknown> = { envelope: value, params, meta: (Object(params) as { _meta?: unknown })._meta };
  scan(text, {
    member(level, name, start, end) {
      const theirs = Object.getOwnPropertyDescriptor(Object(at[level]), name)?.value as unknown;
      same(JSON.parse(text.slice(start, end)), theirs, `the member ${level}.${name}`);
    },
  });
  const message = readMessageText(text);
  if (!isRefusal(message)) compareMessage(message, value as Record<string, unknown>);
}

function text(one: unknown): string | undefined {
  return typeof one === "string" && one.isWellFormed() ? one : undefined;
}

function parsed(raw: string | undefined): unknown {
  return raw === undefined ? undefined : (JSON.parse(raw) as unknown);
}

function compareMessage(message: Message, value: Record<string, unknown>): void {
  const params = Object(value["params"]) as Record<string, unknown>;
  const meta = Object(params["_meta"]) as Record<string, unknown>;
  same(value["jsonrpc"], "2.0", "jsonrpc");
  same(parsed(message.id), value["id"], "id");
  same(message.method, value["method"] ?? "", "method");
  same(message.kind, "method" in value ? ("id" in value ? "request" : "notification") : "response", "kind");
  const isObject = !Array.isArray(params);
  same(message.name, isObject ? text(params["name"]) : undefined, "name");
  same(message.uri, isObject ? text(params["uri"]) : undefined, "uri");
  same(message.taskId, isObject ? text(params["taskId"]) : undefined, "taskId");
  same(message.version, text(meta[`${MCP}protocolVersion`]), "version");
  same(parsed(message.progressToken), meta["progressToken"], "progressToken");
}
