/** Texts in MCP's headers: as they are, or where a header cannot hold them encoded, marked at both ends. */

const OPENING = "=?base64?";
const CLOSING = "?=";
const PLAIN = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Writes a text for an `Mcp-…` header. */
export function encodeHeader(text: string): string {
  return PLAIN.test(text) && !isMarked(text) ? text : `${OPENING}${toBase64(text)}${CLOSING}`;
}

/** The text that a value stands for; `undefined` when its encoding is broken. The marks are lower-case, else they are text. */
export function decodeHeader(value: string): string | undefined {
  if (!isMarked(value)) return value;
  const encoded = value.slice(OPENING.length, -CLOSING.length);
  if (!BASE64.test(encoded)) return undefined;
  try {
    return utf8.decode(Uint8Array.from(atob(encoded), (one) => one.codePointAt(0) ?? 0));
  } catch {
    return undefined;
  }
}

function isMarked(value: string): boolean {
  return value.length >= OPENING.length + CLOSING.length && value.startsWith(OPENING) && value.endsWith(CLOSING);
}

function toBase64(text: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCodePoint(byte);
  return btoa(bytes);
}
