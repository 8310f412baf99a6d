/** One JSON-RPC message as a caller sent it: the only reader of its shape. */
import { refuse, type Refusal } from "../refusal.ts";
import { Ambiguous, NotJson, scan, type LevelName, type MemberSink } from "./scan.ts";

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
  /** Where the value of `id` begins in the text; -1 without one. */
  readonly idAt: number;
  /** Where the value of `params._meta.progressToken` begins in the text; -1 without one. */
  readonly progressTokenAt: number;
  /** First character of `params._meta["io.modelcontextprotocol/clientCapabilities"]`. */
  readonly capabilities: string | undefined;
  /** True where `params._meta["io.modelcontextprotocol/logLevel"]` asks for log messages. */
  readonly asksLogs: boolean;
}

const VERSION_KEY = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities";
const LOG_LEVEL_KEY = "io.modelcontextprotocol/logLevel";

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
  const found = new Found(text);
  try {
    const first = text[scan(text, found)];
    if (first === "[") return invalid("a batch is not accepted, send its messages one by one");
    if (first !== "{") return invalid("it must be an object");
  } catch (error) {
    if (error instanceof NotJson) return refuse("NOT_JSON", {}, { reason: error.message });
    if (error instanceof Ambiguous) return refuse("MESSAGE_AMBIGUOUS", { rule: error.message });
    throw error;
  }
  return interpret(found);
}

/** The raw JSON texts of the members that decide, as the scanner comes by. */
class Found implements MemberSink {
  readonly text: string;
  jsonrpc: string | undefined;
  id: string | undefined;
  method: string | undefined;
  /** First character of `params`. */
  params: string | undefined;
  hasResult = false;
  hasError = false;
  name: string | undefined;
  uri: string | undefined;
  taskId: string | undefined;
  requestId: string | undefined;
  progressToken: string | undefined;
  version: string | undefined;
  idAt = -1;
  progressTokenAt = -1;
  /** First character. */
  capabilities: string | undefined;
  hasLogLevel = false;

  constructor(text: string) {
    this.text = text;
  }

  member(level: LevelName, name: string, start: number, end: number): void {
    if (level === "params") this.#addParameter(name, start, end);
    else if (level === "envelope") this.#addMember(name, start, end);
    else if (name === VERSION_KEY) this.version = this.text.slice(start, end);
    else if (name === CAPABILITIES_KEY) this.capabilities = this.text[start];
    else if (name === LOG_LEVEL_KEY) this.hasLogLevel = true;
    else if (name === "progressToken") {
      this.progressToken = this.text.slice(start, end);
      this.progressTokenAt = start;
    }
  }

  #addMember(name: string, start: number, end: number): void {
    if (name === "jsonrpc") this.jsonrpc = this.text.slice(start, end);
    else if (name === "id") {
      this.id = this.text.slice(start, end);
      this.idAt = start;
    } else if (name === "method") this.method = this.text.slice(start, end);
    else if (name === "params") this.params = this.text[start];
    else if (name === "result") this.hasResult = true;
    else if (name === "error") this.hasError = true;
  }

  #addParameter(name: string, start: number, end: number): void {
    if (name === "name") this.name = this.text.slice(start, end);
    else if (name === "uri") this.uri = this.text.slice(start, end);
    else if (name === "taskId") this.taskId = this.text.slice(start, end);
    else if (name === "requestId") this.requestId = this.text.slice(start, end);
  }
}

function interpret(found: Found): Message | Refusal {
  const { id } = found;
  if (id !== undefined && !isId(id)) return invalid('"id" must be a string or a number');
  if (found.jsonrpc !== '"2.0"') return invalid('"jsonrpc" must be "2.0"', id);
  if (found.method === undefined) return interpretResponse(found);
  if (found.hasResult || found.hasError) return invalid('"method" stands beside "result" or "error"', id);
  const method = string(found.method);
  if (method === undefined) return invalid('"method" must be a string', id);
  const message = messageOf(found, id === undefined ? "notification" : "request", method);
  if (found.version !== undefined && message.version === undefined) return invalidClaim(id);
  const wrong = wrongParameter(found, message);
  return wrong === undefined ? message : invalid(wrong, id);
}

function wrongParameter(found: Found, message: Message): string | undefined {
  // JSON-RPC has arrays too, MCP has not: what a backend made of one, nobody here could see.
  if ((found.params ?? "{") !== "{") return '"params" must be an object';
  const named = subjectOf(message.method);
  const isWrong = named && found[named] !== undefined && message[named] === undefined;
  return isWrong ? `"params.${named}" must be a string` : undefined;
}

function interpretResponse(found: Found): Message | Refusal {
  const { id, hasError, hasResult } = found;
  if (hasResult && hasError) return invalid('"result" stands beside "error"', id);
  if (!hasResult && !hasError) return invalid('"method" is missing', id);
  if (id === undefined && !hasError) return invalid('a response needs an "id"');
  return messageOf(found, "response", "");
}

function messageOf(found: Found, kind: Message["kind"], method: string): Message {
  return {
    kind,
    text: found.text,
    id: found.id,
    method,
    name: string(found.name),
    uri: string(found.uri),
    taskId: string(found.taskId),
    version: string(found.version),
    progressToken: found.progressToken,
    cancels: found.requestId,
    idAt: found.idAt,
    progressTokenAt: found.progressTokenAt,
    capabilities: found.capabilities,
    asksLogs: found.hasLogLevel,
  };
}

/** The parameter that says what a method is about; `undefined` for a method that is about nothing in particular. */
export function subjectOf(method: string): "name" | "uri" | "taskId" | undefined {
  switch (method) {
    case "tools/call":
    case "prompts/get":
      return "name";
    case "resources/read":
    case "resources/subscribe":
    case "resources/unsubscribe":
      return "uri";
    case "tasks/get":
    case "tasks/update":
    case "tasks/cancel":
    case "tasks/result":
      return "taskId";
    default:
      return undefined;
  }
}

function invalid(rule: string, id?: string): Refusal {
  return { ...refuse("MESSAGE_INVALID", { rule }), ...(id !== undefined && { id }) };
}

/** A claim to the modern era is never passed over in silence for being malformed. */
function invalidClaim(id: string | undefined): Refusal {
  const refusal = refuse("ENVELOPE_INVALID", { rule: `"${VERSION_KEY}" must be a string` });
  return id === undefined ? refusal : { ...refusal, id };
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
