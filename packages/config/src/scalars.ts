/**
 * The kinds of single values that a configuration is made of. Each knows its own `expected` sentence; none knows a key.
 */
import { isCanonicalPath, parseBytes, parseDuration, parseHost, isLoopbackName } from "@smcp/core";
import { z } from "zod";
import { field, type FieldMeta } from "./field.ts";
import { isNetwork } from "./network.ts";

// eslint-disable-next-line no-control-regex -- control characters are what is refused
const ONE_LINE = /^[^\u0000-\u001f\u007f]*$/;
const HEADER = /^[!#$%&'*+.^`|~\w-]{1,128}$/;

/** Text on one line; may be empty. */
export function text() {
  return field(z.string().regex(ONE_LINE), { expected: "text on one line" });
}

/** Text that is not empty. */
export function name() {
  return field(z.string().regex(ONE_LINE).min(1), { expected: "text on one line, not empty" });
}

/** A secret of at least `least` characters: its value is never printed. */
export function secret(least = 1) {
  const expected = least > 1 ? `text of at least ${least} characters` : "text, not empty";
  return field(z.string().min(least), { expected, secret: true });
}

/** Text that may be written as a number or a switch: arguments and variables of a command. */
export function looseText() {
  const loose = z.union([z.string(), z.number(), z.boolean()]).transform(String);
  // NUL would end the argument early for the system.
  return field(
    loose.refine((value) => !value.includes("\u0000")),
    { expected: "text" },
  );
}

/** `true` or `false`. */
export function onOff() {
  return field(z.boolean(), { expected: "true or false" });
}

/** A whole number within bounds. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER) {
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
  return field(z.int().min(least).max(most), { expected: `a whole number ${range}` });
}

/** A duration in Go's syntax; a bare number counts seconds. In milliseconds once read. */
export function duration(least = 0) {
  const read = z.union([z.string(), z.number()]).transform((value, context) => {
    const found = typeof value === "number" ? value * 1_000 : parseDuration(value);
    // A timer of Node.js ends at once beyond 2^31 milliseconds.
    if (found !== undefined && found >= least && found <= 2_147_483_647) return found;
    context.addIssue({ code: "custom" });
    return z.NEVER;
  });
  const more = least > 0 ? ", longer than nothing" : "";
  return field(read, { expected: `a duration such as 30s, 1h30m or 500ms${more}`, unit: "seconds" });
}

/** A size such as `4MiB`; a bare number counts bytes. In bytes once read. */
export function size() {
  const read = z.union([z.string(), z.number()]).transform((value, context) => {
    const found = typeof value === "number" && Number.isInteger(value) ? value : parseBytes(String(value));
    if (found !== undefined && found > 0 && found <= 1 << 30) return found;
    context.addIssue({ code: "custom" });
    return z.NEVER;
  });
  return field(read, { expected: "a size such as 4MiB, at most 1GiB", unit: "bytes" });
}

/** One of a few words. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return field(z.enum(words), { expected: `one of ${words.join(", ")}` });
}

/** A value that may be left out, also by empty text as Go programs write it. */
export function maybe<T extends z.ZodType>(inner: T) {
  const read = z.union([z.literal("").transform((): undefined => undefined), inner]);
  return field(read, (inner.meta() ?? {}) as FieldMeta).optional();
}

/** One value or a list of them; always a list once read. */
export function oneOrMore<T extends z.ZodType>(one: T) {
  return z.union([one, z.array(one)]).transform((value) => (Array.isArray(value) ? value : [value]) as z.output<T>[]);
}

/** An address for HTTP without user, password and fragment. */
export function httpUrl() {
  return field(
    z.string().refine((value) => readHttpUrl(value) !== undefined),
    {
      expected: "an http or https URL without user, password and fragment",
      example: "https://mcp.example.com/mcp",
    },
  );
}

/** An https URL, or http on this machine itself, kept as it is written: issuers are compared as text. */
export function issuerUrl() {
  return field(z.string().refine(isIssuer), {
    expected: "an https URL without a query (http only on a loopback address)",
    example: "https://idp.example.com",
  });
}

function isIssuer(value: string): boolean {
  const url = readHttpUrl(value);
  return url?.search === "" && (url.protocol === "https:" || isLoopbackName(url.hostname));
}

/** Reads an http or https URL strictly. `undefined` for anything else. */
export function readHttpUrl(value: string): URL | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") return undefined;
  const isBare = url.username === "" && url.password === "" && !value.includes("#");
  return isBare && ONE_LINE.test(value) && !/\s/.test(value) ? url : undefined;
}

/** Scheme, host and port alone; a trailing slash is forgiven. */
export function origin() {
  const read = z.string().transform((value, context) => {
    const url = readHttpUrl(value);
    if (url?.pathname === "/" && url.search === "") return url.origin;
    context.addIssue({ code: "custom" });
    return z.NEVER;
  });
  return field(read, { expected: "scheme, host and port alone, such as https://mcp.example.com" });
}

/** A host name with or without a port, as a `Host` header has it. */
export function hostValue() {
  return field(
    z
      .string()
      .toLowerCase()
      .refine((value) => parseHost(value) !== undefined),
    {
      expected: "a host name, with or without a port",
    },
  );
}

/** An address or a network: `10.0.0.0/8`, `::1`. */
export function network() {
  return field(z.string().refine(isNetwork), { expected: "an address or a network such as 10.0.0.0/8" });
}

/** The name of a header; lower-case once read where it is only compared. */
export function headerName(isLowered = true) {
  const read = z.string().regex(HEADER);
  return field(isLowered ? read.toLowerCase() : read, { expected: "the name of a header" });
}

/** A path that is its own canonical form; slashes at its ends are put right. */
export function path() {
  const read = z.string().transform((value, context) => {
    const found = normalisePath(value);
    if (found !== undefined) return found;
    context.addIssue({ code: "custom" });
    return z.NEVER;
  });
  return field(read, { expected: "a plain path such as /v1/docs, without dot segments, // or encoded slashes" });
}

/** One slash in front, none behind, except `/` itself. `undefined` when the path is not canonical. */
export function normalisePath(text: string): string | undefined {
  if (text === "") return undefined;
  const led = text.startsWith("/") ? text : `/${text}`;
  const whole = led.length > 1 && led.endsWith("/") ? led.slice(0, -1) : led;
  return isCanonicalPath(whole) ? whole : undefined;
}
