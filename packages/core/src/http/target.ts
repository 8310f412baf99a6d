/**
 * The path rule: a raw request target is served only when it is its own canonical form, so that no two readers of it
 * (ours, a backend's, a log's) can disagree about which backend it names.
 */

/** A request target that passed: both parts exactly as they came. */
export interface Target {
  /** Begins with `/`; no query. */
  readonly path: string;
  /** What stands after the first `?`, or `""`. */
  readonly query: string;
}

// Each group begins with a slash that no segment may hold: linear on any input.
const PLAIN = /^(?:\/[\w~-][\w.~-]*)+\/?$/;
const SEGMENT = /^(?:[\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*$/;
const QUERY = /^[\x21\x22\x24-\x5b\x5d-\x7e]*$/;
// A parameter behind the dots is cut off by some servers, before or after decoding.
const DOTS = /^\.{1,2}(?:(?:;|%3[Bb]).*)?$/;
// Encoded letters, digits, "-._~" have no reason to be encoded; %25 before hex digits hides a second encoding.
const NEEDLESS =
  /%(?:2[DdEe]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe]|25(?:[0-9A-Fa-f]{2}|[Uu][0-9A-Fa-f]{4}))/;
// NUL and other controls, slash, backslash, DEL.
const FORBIDDEN = /%(?:[01][0-9A-Fa-f]|2[Ff]|5[Cc]|7[Ff])/;

/** Reads a raw request target. `undefined` when it is not in origin form or not canonical. */
export function parseTarget(raw: string): Target | undefined {
  const mark = raw.indexOf("?");
  const path = mark < 0 ? raw : raw.slice(0, mark);
  const query = mark < 0 ? "" : raw.slice(mark + 1);
  if (path !== "/" && !PLAIN.test(path) && !isCanonicalPath(path)) return undefined;
  if (query !== "" && !QUERY.test(query)) return undefined;
  return { path, query };
}

/** True when a path begins with `/` and no reader could take it for another one. */
export function isCanonicalPath(path: string): boolean {
  if (!path.startsWith("/") || path.includes("//")) return false;
  for (const segment of path.slice(1).split("/")) {
    if (!SEGMENT.test(segment) || DOTS.test(segment)) return false;
    if (segment.includes("%") && !isCanonicalEncoding(segment)) return false;
  }
  return true;
}

function isCanonicalEncoding(segment: string): boolean {
  if (NEEDLESS.test(segment) || FORBIDDEN.test(segment)) return false;
  try {
    // Throws on bytes that are not UTF-8, over-long forms included.
    decodeURIComponent(segment);
    return true;
  } catch {
    return false;
  }
}

/** True when `path` is `prefix` or lies below it on a segment boundary; `/` holds everything. */
export function isBelow(prefix: string, path: string): boolean {
  if (prefix === "/") return true;
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === "/");
}
