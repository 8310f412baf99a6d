/**
 * A strict reader of HTTP/1.1 requests after RFC 9112, for a whole connection at once: how many requests there are in some
 * bytes, where each ends, and nothing about what they mean.
 */

/** One request as it stands in the bytes. */
export interface ModelRequest {
  readonly method: string;
  readonly target: string;
  readonly body: string;
}

// Node takes RTSP for HTTP, and several spaces for one.
const LINE = /^([A-Z][A-Z-]*) +([!-~]+) +(?:HTTP|RTSP)\/(1\.[01])$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/s;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const SIZE = /^([0-9a-fA-F]+)(?:;[\t\x20-\x7e\x80-\xff]*)?$/;

/** The well-formed requests at the start of a connection, up to the first that is malformed or not whole. */
export function readRequests(bytes: string): ModelRequest[] {
  const requests: ModelRequest[] = [];
  let rest = bytes;
  for (;;) {
    // An empty line before a request is nothing (2.2); of line ends that are none the first line says enough.
    rest = rest.replace(/^[\r\n]+/, "");
    const one = readOne(rest);
    if (!one) return requests;
    requests.push(one.request);
    if (one.end === undefined) return requests;
    rest = rest.slice(one.end);
  }
}

interface Read<T> {
  readonly value: T;
  readonly end: number;
}

/** The end is missing where a body is malformed or not whole, of a request that has a meaning without one. */
function readOne(text: string): { readonly request: ModelRequest; readonly end?: number } | undefined {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return undefined;
  const [line = "", ...fields] = text.slice(0, head).split("\r\n");
  const [, method = "", target = "", version = ""] = LINE.exec(line) ?? [];
  const headers = fields.map((field) => FIELD.exec(field));
  if (method === "" || headers.some((one) => !one || !VALUE.test(one[2] ?? ""))) return undefined;
  const values = (name: string): string[] =>
    headers.flatMap((one) => (one?.[1]?.toLowerCase() === name ? [one[2] ?? ""] : []));
  const body = readBody(text.slice(head + 4), values("content-length"), values("transfer-encoding"), version);
  if (body) return { request: { method, target, body: body.value }, end: head + 4 + body.end };
  return method === "POST" ? undefined : { request: { method, target, body: "" } };
}

function readBody(text: string, lengths: string[], codings: string[], version: string): Read<string> | undefined {
  if (codings.length > 0) {
    const isChunked = codings.length === 1 && codings[0]?.toLowerCase() === "chunked";
    return isChunked && lengths.length === 0 && version === "1.1" ? readChunks(text) : undefined;
  }
  if (lengths.length === 0) return { value: "", end: 0 };
  const [length = ""] = lengths;
  if (lengths.length > 1 || !/^[0-9]{1,15}$/.test(length) || text.length < Number(length)) return undefined;
  return { value: text.slice(0, Number(length)), end: Number(length) };
}

function readChunks(text: string): Read<string> | undefined {
  let value = "";
  let at = 0;
  for (;;) {
    const end = text.indexOf("\r\n", at);
    const size = Number.parseInt(SIZE.exec(text.slice(at, end < 0 ? at : end))?.[1] ?? "", 16);
    if (Number.isNaN(size)) return undefined;
    at = end + 2;
    if (size === 0) break;
    if (text.slice(at + size, at + size + 2) !== "\r\n") return undefined;
    value += text.slice(at, at + size);
    at += size + 2;
  }
  const end = endOfTrailers(text, at);
  return end === undefined ? undefined : { value, end };
}

function endOfTrailers(text: string, from: number): number | undefined {
  let at = from;
  for (;;) {
    const end = text.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const trailer = text.slice(at, end);
    at = end + 2;
    if (trailer === "") return at;
    if (!FIELD.test(trailer) || !VALUE.test(trailer)) return undefined;
  }
}
