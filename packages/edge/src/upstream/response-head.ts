/**
 * The head of an HTTP/1.1 answer, read strictly: what two readers could frame in two ways is refused, never mended. Pure.
 */
import { lowerName } from "@smcp/core";

/** Response headers by lower-case name, values in latin1. */
export type UpstreamHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** How the body of an answer is framed: its length in bytes, or how its end is told. */
export type Framing = number | "chunked" | "close";

export interface ResponseHead {
  readonly status: number;
  readonly headers: UpstreamHeaders;
  readonly framing: Framing;
  /** The connection may carry another request after this answer. */
  readonly isKept: boolean;
  /** How long the other end keeps the connection while nothing happens, in seconds, where it says so. */
  readonly keptFor: number | undefined;
}

/** An answer that breaks HTTP's rules; its message is for the log. */
export class BadAnswer extends Error {
  override readonly name = "BadAnswer";
}

// Linear: no part can begin where another one could end.
const HEAD =
  /^HTTP\/1\.[01] [1-9][0-9][0-9](?: [\t\x20-\x7e\x80-\xff]*)?\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*$/;
const LENGTH = /^[0-9]{1,15}$/;
const MAX_HEADERS = 200;

/**
 * Reads a head.
 *
 * @param text status line and headers in latin1, each with its end of line, without the empty line behind them
 * @throws {BadAnswer} when it is not exactly what RFC 9112 says
 */
export function readHead(text: string): ResponseHead {
  if (!HEAD.test(text)) throw new BadAnswer("its head is malformed");
  const status = Number(text.slice(9, 12));
  const headers: Record<string, string | string[]> = {};
  let at = text.indexOf("\r\n") + 2;
  for (let count = 0; at < text.length; count++) {
    if (count === MAX_HEADERS) throw new BadAnswer("it has too many headers");
    const colon = text.indexOf(":", at);
    const end = text.indexOf("\r\n", colon);
    add(headers, lowerName(text.slice(at, colon)), trim(text, colon + 1, end));
    at = end + 2;
  }
  const isOld = text.charCodeAt(7) === 0x30;
  return {
    status,
    headers,
    framing: framingOf(status, headers, isOld),
    isKept: !isOld && isKept(headers["connection"]),
    keptFor: keptFor(headers["keep-alive"]),
  };
}

function add(headers: Record<string, string | string[]>, name: string, value: string): void {
  // It would be no header but the object's prototype.
  if (name === "__proto__") return;
  const before = headers[name];
  if (before === undefined || !Object.hasOwn(headers, name)) headers[name] = value;
  else headers[name] = typeof before === "string" ? [before, value] : [...before, value];
}

function trim(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function framingOf(status: number, headers: UpstreamHeaders, isOld: boolean): Framing {
  const coding = headers["transfer-encoding"];
  const length = headers["content-length"];
  if (coding !== undefined) {
    if (length !== undefined) throw new BadAnswer("it has a length and a transfer coding");
    if (isOld || String(coding).toLowerCase() !== "chunked") throw new BadAnswer("its transfer coding is unknown");
  }
  // Two lengths, even of one value, are a list: no number.
  if (length !== undefined && !LENGTH.test(String(length))) throw new BadAnswer("its length is malformed");
  if (hasNoBody(status)) return 0;
  if (coding !== undefined) return "chunked";
  return length === undefined ? "close" : Number(length);
}

function hasNoBody(status: number): boolean {
  return status < 200 || status === 204 || status === 304;
}

function isKept(connection: string | string[] | undefined): boolean {
  if (connection === undefined || connection === "keep-alive") return true;
  return !/(?:^|[\s,])close(?:$|[\s,])/i.test(String(connection));
}

function keptFor(hint: string | string[] | undefined): number | undefined {
  if (hint === undefined) return undefined;
  const found = /(?:^|[\s,])timeout=(\d{1,6})(?:$|[\s,])/i.exec(String(hint));
  return found ? Number(found[1]) : undefined;
}
