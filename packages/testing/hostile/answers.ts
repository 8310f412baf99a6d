/** A strict reader of what comes back on one connection: every byte belongs to a well-formed answer, or is reported. */

export interface WireAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** What a connection gave so far. */
export interface Received {
  readonly answers: readonly WireAnswer[];
  /** Bytes of an answer that is not whole yet. */
  readonly rest: string;
}

/** Bytes that no client would take for an answer. */
export class Garbled extends Error {}

const STATUS = /^HTTP\/1\.1 (\d{3}) [^\r\n]*$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9a-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/i;
const SIZE = /^[0-9a-f]{1,8}$/i;

/**
 * Reads answers off a text.
 *
 * @param text latin1
 * @param isHead true when answers have no body whatever their headers say
 * @throws Garbled for what is no answer
 */
export function readAnswers(text: string, isHead: boolean): Received {
  const answers: WireAnswer[] = [];
  let rest = text;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) break;
    const [line = "", ...fields] = rest.slice(0, end).split("\r\n");
    const status = Number(STATUS.exec(line)?.[1] ?? garbled(line));
    const headers = new Map(fields.map(fieldOf));
    const body = isHead || status < 200 ? { text: "", end: 0 } : bodyOf(rest.slice(end + 4), headers);
    if (!body) break;
    answers.push({ status, headers, body: body.text });
    rest = rest.slice(end + 4 + body.end);
  }
  return { answers, rest };
}

function fieldOf(field: string): [string, string] {
  const [, name, value] = FIELD.exec(field) ?? garbled(field);
  return [(name ?? "").toLowerCase(), value ?? ""];
}

interface Body {
  readonly text: string;
  /** Where it ends, its framing included. */
  readonly end: number;
}

function bodyOf(text: string, headers: ReadonlyMap<string, string>): Body | undefined {
  const length = headers.get("content-length");
  if (headers.get("transfer-encoding") === "chunked") {
    if (length !== undefined) garbled("a length beside chunks");
    return chunksOf(text);
  }
  const end = Number(length ?? 0);
  return text.length < end ? undefined : { text: text.slice(0, end), end };
}

function chunksOf(text: string): Body | undefined {
  let body = "";
  let at = 0;
  for (;;) {
    const end = text.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const size = text.slice(at, end);
    if (!SIZE.test(size)) garbled(`chunk of ${size}`);
    const from = end + 2;
    const to = from + Number.parseInt(size, 16);
    if (text.length < to + 2) return undefined;
    if (text.slice(to, to + 2) !== "\r\n") garbled(text.slice(to, to + 2));
    body += text.slice(from, to);
    at = to + 2;
    if (to === from) return { text: body, end: at };
  }
}

function garbled(what: string): never {
  throw new Garbled(`this is no answer: ${JSON.stringify(what.slice(0, 80))}`);
}
