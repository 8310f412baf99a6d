/**
 * Headers read once, from the raw list: only it shows repeated names. A header that decides anything may stand there once;
 * a second one is refused rather than picked from.
 */
import { lowerName } from "./header-names.ts";

/** Header values by lower-case name; a repeatable header's values are joined by commas. */
export type HeaderMap = ReadonlyMap<string, string>;

const ONCE: ReadonlySet<string> = new Set([
  "authorization",
  "content-encoding",
  "content-length",
  "content-type",
  "cookie",
  "expect",
  "host",
  "last-event-id",
  "origin",
  "transfer-encoding",
  "x-request-id",
]);
/** A credential for one backend. */
const TOKEN = /^x-.*-token$/;

/**
 * Reads a flat list of names and values.
 *
 * @returns the map, or the name of a header that may stand there only once and does not
 */
export function readHeaders(raw: readonly string[]): HeaderMap | string {
  const headers = new Map<string, string>();
  for (let i = 0; i < raw.length; i += 2) {
    const name = lowerName(raw[i] as string);
    const value = raw[i + 1] as string;
    const before = headers.get(name);
    if (before === undefined) headers.set(name, value);
    else if (ONCE.has(name) || name.startsWith("mcp-") || TOKEN.test(name)) return name;
    else headers.set(name, `${before}, ${value}`);
  }
  return headers;
}

/** The media type of a `Content-Type` value without its parameters, lower-case. */
export function mediaType(value: string | undefined): string {
  if (!value) return "";
  const end = value.indexOf(";");
  return (end < 0 ? value : value.slice(0, end)).trim().toLowerCase();
}

/**
 * Makes text fit for a header value: anything but visible ASCII, and the percent sign itself, percent-encoded as UTF-8.
 */
export function headerText(text: string): string {
  return text.replace(/[^\x21-\x24\x26-\x7e]/gu, (one) => encodeURIComponent(one.isWellFormed() ? one : "\ufffd"));
}
