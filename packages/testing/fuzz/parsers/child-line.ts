/** The lax reader of a child's lines beside `JSON.parse`, and beside the strict scanner wherever that is content. */
import { isRefusal, readMessageText, type Message } from "@smcp/core";

import {
  findMember,
  idKey,
  readChildLine,
  textAt,
  type ChildLine,
  type IdKey,
} from "../../../server/src/upstream/stdio/line.ts";
import { fuzzed, same } from "../fuzzed.ts";
import { jsonText } from "./json-text.ts";

/** What is said of a line, without its places. */
type Essence = Pick<ChildLine, "kind" | "id" | "method" | "isError"> & { readonly progressToken: IdKey | undefined };

function essenceOf({ bytes, kind, id, method, isError, bodyStart }: ChildLine): Essence {
  const isProgress = method === "notifications/progress" && bodyStart >= 0;
  const place = isProgress ? findMember(bytes, bodyStart, ["progressToken"]) : undefined;
  return { kind, id, method, isError, progressToken: place && idKey(textAt(bytes, place)) };
}

type Members = Readonly<Record<string, unknown>>;

/** What `JSON.parse` makes of a line: where a member stands twice, the last one counts. */
function modelOf(value: unknown): Essence | undefined {
  if (!isObject(value)) return undefined;
  const { method } = value;
  const id = Object.hasOwn(value, "id") && value["id"] !== null ? keyOf(value["id"]) : undefined;
  if (!Object.hasOwn(value, "method")) return modelOfResponse(value, id);
  if (typeof method !== "string") return undefined;
  const kind = id === undefined ? "notification" : "request";
  return { kind, id, method, isError: false, progressToken: tokenOf(method, value["params"]) };
}

function modelOfResponse(value: Members, id: IdKey | undefined): Essence | undefined {
  const isError = Object.hasOwn(value, "error");
  if (!Object.hasOwn(value, "id") || !(isError || Object.hasOwn(value, "result"))) return undefined;
  return { kind: "response", id, method: "", isError, progressToken: undefined };
}

function tokenOf(method: string, params: unknown): IdKey | undefined {
  const holds = method === "notifications/progress" && isObject(params) && Object.hasOwn(params, "progressToken");
  return holds ? keyOf(params["progressToken"]) : undefined;
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Only texts and whole numbers that a server in JavaScript keeps have a key that a parsed value still tells. */
function keyOf(value: unknown): IdKey {
  return typeof value === "string" || Number.isSafeInteger(value) ? idKey(JSON.stringify(value)) : UNTOLD;
}

const UNTOLD = "untold";

export const childLine = fuzzed("child-line", jsonText, (text) => {
  const read = readChildLine(Buffer.from(text));
  const ours = read && essenceOf(read);
  // Half a pair becomes another character as bytes: everybody is asked what the bytes say.
  const sent = Buffer.from(text).toString("utf8");
  const strict = readMessageText(sent);
  if (!isRefusal(strict)) compareStrict(ours, strict);
  let value: unknown;
  try {
    value = JSON.parse(sent);
  } catch {
    return;
  }
  const model = modelOf(value);
  if (model?.id !== UNTOLD && model?.progressToken !== UNTOLD) same(ours, model, "the line");
});

function compareStrict(ours: Essence | undefined, { kind, method, id }: Message): void {
  // An error that names no request is an answer to nobody: only its sender could say what it is about.
  if (kind === "response" && id === undefined) return;
  same(ours?.kind, kind, "the kind, beside the strict reader's");
  same(ours?.method, method, "the method, beside the strict reader's");
  same(ours?.id, id === undefined ? undefined : idKey(id), "the id, beside the strict reader's");
}
