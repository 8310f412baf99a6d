/** One JSON-RPC message as a caller sent it: the only reader of its shape. */
import { refuse, type Refusal } from "../refusal.ts";
import { Ambiguous, NotJson, scan, type Level, type Span } from "./scan.ts";

export interface Message {
  readonly kind: "request" | "notification" | "response";
  /** The text as it came; it goes on unchanged. */
  readonly text: string;
  /** Raw JSON text of the id, digits and quotes kept: `1`, `"a"`. Absent on notifications. */
  readonly id: string | undefined;
  /** `""` on a response. */
  readonly method: string;
  /** `params.name`, decoded. */
  readonly name: string | undefined;
  /** `params.uri`, decoded. */
  readonly uri: string | undefined;
  /** `params.taskId`, decoded. */
  readonly taskId: string | undefined;
  /** `params._meta["io.modelcontextprotocol/protocolVersion"]`: present in the modern era only. */
  readonly version: string | undefined;
  /** `params._meta.progressToken`, raw JSON text. */
  readonly progressToken: string | undefined;
  /** `params.requestId` of a cancellation, raw JSON text. */
  readonly cancels: string | undefined;
}

const VERSION_KEY = "io.modelcontextprotocol/protocolVersion";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads a body: one message, or the refusal that says which rule it breaks. Never throws. */
export function readMessage(body: Uint8Array): Message | Refusal {
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    return refuse("MESSAGE_AMBIGUOUS", { rule: "the body is not UTF-8" });
  }
  return readMessageText(text);
}

/** Reads a message that is text already, a line of a child's or an app's output. Never throws. */
export function readMessageText(text: string): Message | Refusal {
  if (text.codePointAt(0) === 0xfe_ff)
    return refuse("MESSAGE_AMBIGUOUS", { rule: "the body begins with a byte order mark" });
  const spans = new Spans();
  try {
    const { start } = scan(text, spans.add);
    const first = text[start];
    if (first === "[")
      return refuse("MESSAGE_INVALID", { rule: "a batch is not accepted, send its messages one by one" });
    if (first !== "{") return refuse("MESSAGE_INVALID", { rule: "it must be an object" });
  } catch (error) {
    if (error instanceof NotJson) return refuse("NOT_JSON", {}, { reason: error.message });
    if (error instanceof Ambiguous) return refuse("MESSAGE_AMBIGUOUS", { rule: error.message });
    throw error;
  }
  return interpret(text, spans);
}

/** The spans that matter, by level and name. */
class Spans {
  envelope: Record<string, Span> = Object.create(null) as Record<string, Span>;
  params: Record<string, Span> = Object.create(null) as Record<string, Span>;
  meta: Record<string, Span> = Object.create(null) as Record<string, Span>;

  readonly add = (level: Level, name: string, span: Span): void => {
    if (level === "envelope") this.envelope[name] = span;
    else if (level === "params") this.params[name] = span;
    else if (level === "meta") this.meta[name] = span;
  };
}

function interpret(text: string, spans: Spans): Message | Refusal {
  const raw: Raw = (span) => span && text.slice(span.start, span.end);
  const { envelope } = spans;
  const id = raw(envelope["id"]);
  if (id !== undefined && !isId(id)) return invalid('"id" must be a string or a number');
  if (raw(envelope["jsonrpc"]) !== '"2.0"') return invalid('"jsonrpc" must be "2.0"', id);
  if (!envelope["method"]) return interpretResponse(text, spans, id, raw);
  if (envelope["result"] ?? envelope["error"]) return invalid('"method" stands beside "result" or "error"', id);
  const method = string(raw(envelope["method"]));
  if (method === undefined) return invalid('"method" must be a string', id);
  const wrong = wrongParameter(method, spans, raw);
  if (wrong) return invalid(wrong, id);
  const kind = id === undefined ? "notification" : "request";
  return { kind, text, id, method, ...parameters(spans, raw) };
}

function wrongParameter(method: string, spans: Spans, raw: Raw): string | undefined {
  const first = raw(spans.envelope["params"])?.[0] ?? "{";
  if (first !== "{" && first !== "[") return '"params" must be an object';
  const named = NAMED[method];
  const subject = named && spans.params[named];
  return subject && string(raw(subject)) === undefined ? `"params.${named}" must be a string` : undefined;
}

function interpretResponse(text: string, spans: Spans, id: string | undefined, raw: Raw): Message | Refusal {
  const { result, error } = spans.envelope;
  if (result && error) return invalid('"result" stands beside "error"', id);
  if (!result && !error) return invalid('"method" is missing', id);
  if (id === undefined && !error) return invalid('a response needs an "id"');
  return { kind: "response", text, id, method: "", ...parameters(spans, raw) };
}

type Raw = (span: Span | undefined) => string | undefined;

function parameters({ params, meta }: Spans, raw: Raw): Omit<Message, "kind" | "text" | "id" | "method"> {
  return {
    name: string(raw(params["name"])),
    uri: string(raw(params["uri"])),
    taskId: string(raw(params["taskId"])),
    version: string(raw(meta[VERSION_KEY])),
    progressToken: raw(meta["progressToken"]),
    cancels: raw(params["requestId"]),
  };
}

/** The parameter that names what a method is about. */
export const NAMED: Readonly<Record<string, "name" | "uri" | "taskId">> = Object.assign(
  Object.create(null) as Record<string, "name" | "uri" | "taskId">,
  {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "resources/subscribe": "uri",
    "resources/unsubscribe": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
    "tasks/result": "taskId",
  } as const,
);

function invalid(rule: string, id?: string): Refusal {
  return { ...refuse("MESSAGE_INVALID", { rule }), ...(id !== undefined && { id }) };
}

function isId(raw: string): boolean {
  const first = raw.charCodeAt(0);
  return first === 0x22 || first === 0x2d || (first >= 0x30 && first <= 0x39);
}

/** The decoded text of a raw JSON string; `undefined` for any other value, or one that holds half a surrogate pair. */
function string(raw: string | undefined): string | undefined {
  if (raw === undefined || raw.charCodeAt(0) !== 0x22) return undefined;
  if (!raw.includes("\\")) return raw.slice(1, -1);
  const text = JSON.parse(raw) as string;
  return text.isWellFormed() ? text : undefined;
}
