/** The path rule beside the URL standard, beside a canonical form of its own, and beside servers that read paths loosely. */
import * as fc from "fast-check";

import { isBelow, parseTarget } from "@smcp/core";

import { fuzzed, same } from "../fuzzed.ts";

const UNRESERVED = /^[A-Za-z0-9._~-]$/;
const LITERAL = /^[A-Za-z0-9._~!$&'()*+,;=:@-]$/;
const DOTS = /^\.\.?$/;

/** The one way to write a segment, or nothing where there is none. Token by token, unlike the rule itself. */
function canonicalSegment(segment: string): string | undefined {
  const tokens = segment.match(/%[0-9A-Fa-f]{2}|./gsu) ?? [];
  const bytes = tokens.map(byteOf);
  if (bytes.includes(undefined)) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes as number[]));
    // What decoding leaves must not be an encoding again.
    if (/%(?:[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})/i.test(text)) return undefined;
    if (DOTS.test(text.split(";", 1)[0] ?? "")) return undefined;
  } catch {
    return undefined;
  }
  return tokens.map((token) => (token.length < 3 ? token : plainest(token))).join("");
}

/** The byte that a token stands for, if any may stand there. */
function byteOf(token: string): number | undefined {
  if (token.length < 3) return LITERAL.test(token) ? token.codePointAt(0) : undefined;
  const byte = Number.parseInt(token.slice(1), 16);
  return byte < 0x20 || byte === 0x7f || byte === 0x2f || byte === 0x5c ? undefined : byte;
}

function plainest(triplet: string): string {
  const text = String.fromCodePoint(Number.parseInt(triplet.slice(1), 16));
  return UNRESERVED.test(text) ? text : triplet;
}

function isCanonical(path: string): boolean {
  if (!path.startsWith("/") || path.includes("//")) return false;
  return path
    .slice(1)
    .split("/")
    .every((segment) => canonicalSegment(segment) === segment);
}

const decodeBytes = (text: string): string =>
  text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
const decodeWide = (text: string): string =>
  text.replaceAll(/%u([0-9A-Fa-f]{4})/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
/** Reads over-long forms of two and three bytes as old servers did. */
const decodeLong = (text: string): string =>
  decodeBytes(text)
    .replaceAll(/[\xc0\xc1][\x80-\xbf]/g, (two) =>
      String.fromCodePoint(((two.charCodeAt(0) & 1) << 6) | (two.charCodeAt(1) & 0x3f)),
    )
    .replaceAll(/\xe0[\x80-\x9f][\x80-\xbf]/g, (three) =>
      String.fromCodePoint(((three.charCodeAt(1) & 0x1f) << 6) | (three.charCodeAt(2) & 0x3f)),
    );
const withoutParameters = (text: string): string => text.replaceAll(/;[^/\\]*/g, "");

/** What servers are known to do to a path before they walk it. */
const READERS: readonly ((path: string) => string)[] = [
  decodeBytes,
  (path) => decodeBytes(decodeBytes(path)),
  (path) => decodeWide(path),
  (path) => decodeWide(decodeBytes(path)),
  (path) => decodeLong(path),
  (path) => decodeBytes(withoutParameters(path)),
  (path) => withoutParameters(decodeBytes(path)),
  (path) => decodeBytes(decodeBytes(path)).split("\0", 1)[0] ?? "",
  (path) => decodeBytes(path).replaceAll(/[\t\r\n]/g, ""),
];

/** Walks a path as a file system does: separators of both kinds, dots resolved. */
function walk(path: string): number {
  const walked: string[] = [];
  for (const segment of path.split(/[/\\]/).slice(1)) {
    if (segment === "..") walked.pop();
    else if (segment !== ".") walked.push(segment);
  }
  return walked.length;
}

const segment = fc.oneof(
  {
    arbitrary: fc.constantFrom(
      "docs",
      "other",
      "a.b",
      "..a",
      "a..",
      "...",
      "~",
      "a:b@c",
      "x;y=z",
      "%20",
      "%C3%A9",
      "%c3%a9",
      "%E2%82%AC",
      "100%25",
      "%3B",
      "%40",
      "a%3Db",
    ),
    weight: 4,
  },
  {
    arbitrary: fc.constantFrom(
      "..",
      ".",
      "%2e%2e",
      "%2E.",
      "..;",
      "..;x",
      "..%3b",
      "%252e",
      "%25%32e",
      "%c0%ae",
      "%e0%80%ae",
      "%u002e",
      "%25u002e",
      "%00",
      "%0a",
      "%7f",
      "%2f",
      "%5C",
      "\\",
      "%",
      "%2",
      "%zz",
      "%61",
      "%41",
      "%30",
      "%5F",
      "%7e",
      "%ff",
      "%ed%a0%80",
      "%f4%90%80%80",
      "é",
      "\u00ad",
      "|",
      "#",
      " ",
      "\t",
      '"',
      "<",
      "^",
      "`",
      "{",
    ),
    weight: 3,
  },
  { arbitrary: fc.string({ maxLength: 3, unit: "binary-ascii" }), weight: 1 },
  { arbitrary: fc.nat(255).map((byte) => `%${byte.toString(16).padStart(2, "0")}`), weight: 2 },
  { arbitrary: fc.nat(255).map((byte) => `a%${byte.toString(16).padStart(2, "0").toUpperCase()}b`), weight: 1 },
);
const text = fc
  .tuple(
    fc.constantFrom("/", "/", "/", "/", "", "//", "http://h/", "\\"),
    fc.array(fc.tuple(segment, fc.constantFrom("/", "/", "/", "", "//", "\\")), { maxLength: 6 }),
    fc.constantFrom("", "", "", "?", "?a=b", "?/../", "?#", "?\\", "? ", "?%", "?é", "#", "#?"),
  )
  .map(([start, segments, end]) => start + segments.flat().join("") + end);
const target = fc.oneof({ arbitrary: text, weight: 9 }, { arbitrary: fc.string({ maxLength: 12 }), weight: 1 });

export const path = fuzzed("path", target, (raw) => {
  const ours = parseTarget(raw);
  const mark = raw.indexOf("?");
  const [before, query] = mark < 0 ? [raw, ""] : [raw.slice(0, mark), raw.slice(mark + 1)];
  const isQuery = /^[!-~]*$/.test(query) && !/[#\\]/.test(query);
  same(ours, isCanonical(before) && isQuery ? { path: before, query } : undefined, "the target");
  if (!ours) return;
  const url = new URL(raw, "http://host");
  same([url.origin, url.pathname], ["http://host", ours.path], "what the URL standard makes of it");
  const steps = ours.path.split("/").length - 1;
  for (const [which, read] of READERS.entries())
    same(steps, walk(read(ours.path)), `the steps that reader ${which} takes`);
  const parts = ours.path.split("/");
  for (let end = 2; end <= parts.length; end++) {
    const prefix = parts.slice(0, end).join("/");
    if (!isBelow(prefix, ours.path)) throw new Error(`"${prefix}" does not hold it`);
    if (prefix !== "/" && isBelow(`${prefix}x`, ours.path)) throw new Error(`"${prefix}x" holds it`);
  }
});
