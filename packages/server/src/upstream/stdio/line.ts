/**
 * Reads of a child's line what routing needs, and where it stands: kind, id, method, the body. The line itself goes on
 * unchanged, or with an id put in the place of another. It is laxer than the core's scanner on purpose: servers are not
 * callers, and what one of them writes is only ever read by those whose child it is. Where a member stands twice the last
 * one counts, as in `JSON.parse`.
 */

/** A number where every reader agrees on it, else JSON text: what ids and progress tokens are compared by. */
export type IdKey = number | string;

export interface ChildLine {
  readonly bytes: Buffer;
  readonly kind: "request" | "notification" | "response";
  /** See {@link idKey}; absent on notifications, and on a response to nothing (`null`). */
  readonly id: IdKey | undefined;
  /** Where the id's value stands in the bytes; 0 and 0 without one. */
  readonly idStart: number;
  readonly idEnd: number;
  /** `""` on a response. */
  readonly method: string;
  /** True on a response that is an error. */
  readonly isError: boolean;
  /** Where the value of `params`, `result` or `error` begins; -1 without one. */
  readonly bodyStart: number;
}

/** A piece of a line, end exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * What ids are compared by. Not the bytes: a server in JavaScript answers `1.0` as `1` and `"\u0061"` as `"a"`. A number
 * that such a server would round is compared by its digits, so that two large ids never meet.
 *
 * @param raw JSON text of a string or a number
 */
export function idKey(raw: string): IdKey {
  if (raw.codePointAt(0) === QUOTE) return raw.includes("\\") ? JSON.stringify(JSON.parse(raw)) : raw;
  const value = Number(raw);
  if (!Number.isSafeInteger(value)) return raw;
  // Not the other zero: both are one id.
  return value === 0 ? 0 : value;
}

/** Reads one line; `undefined` when it is not a JSON-RPC message. Never throws. */
export function readChildLine(line: Uint8Array): ChildLine | undefined {
  return reading(() => new Reader(bufferOf(line)).message());
}

/**
 * Finds a value inside of a line that was read.
 *
 * @param start where an object's value begins, as {@link ChildLine.bodyStart}
 * @param path member names that lead from that object to the value
 */
export function findMember(bytes: Buffer, start: number, path: readonly string[]): Span | undefined {
  return reading(() => new Reader(bytes).find(start, path));
}

/** The JSON text at a place of a line. */
export function textAt(bytes: Buffer, { start, end }: Span): string {
  const text = bytes.toString("latin1", start, end);
  return ASCII.test(text) ? text : bytes.toString("utf8", start, end);
}

function reading<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Unreadable || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function bufferOf(line: Uint8Array): Buffer {
  return Buffer.isBuffer(line) ? line : Buffer.from(line.buffer, line.byteOffset, line.byteLength);
}

class Unreadable extends Error {}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const ZERO = 0x30;
const NINE = 0x39;

const MAX_DEPTH = 1_000;
/** From here on a search by the machine beats a loop over bytes. */
const LONG = 32;
/** So many digits always make a safe integer. */
const SAFE_DIGITS = 15;

// eslint-disable-next-line no-control-regex
const ASCII = /^[\0-\x7f]*$/;
const SCALAR = /^(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)$/;

/** Bytes that may stand outside strings and brackets. */
const isTokenByte = new Uint8Array(256);
for (const one of " \t\r\n,:+-.0123456789truefalsenullE") isTokenByte[one.codePointAt(0) ?? 0] = 1;
const isScalarByte = isTokenByte.slice();
for (const one of " \t\r\n,:") isScalarByte[one.codePointAt(0) ?? 0] = 0;

/** The brackets that are open; shared, for reading never waits. */
const closers = new Uint8Array(MAX_DEPTH + 1);

/** What a member of the message is, by its name. */
type Member = "id" | "method" | "params" | "result" | "error" | undefined;

class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  // Of the message: where values begin, -1 where there is none.
  #id = -1;
  #idEnd = 0;
  #method = -1;
  #methodEnd = 0;
  #params = -1;
  #result = -1;
  #error = -1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Reads the one object that the line is. */
  message(): ChildLine | undefined {
    this.#space();
    for (let more = this.#enter(); more; more = this.#next()) {
      const member = this.#member();
      const start = this.#at;
      this.#value();
      if (member !== undefined) this.#note(member, start);
    }
    this.#space();
    if (this.#at < this.#bytes.length) throw new Unreadable();
    return this.#interpret();
  }

  /** Finds a value below the object that begins at `start`. */
  find(start: number, path: readonly string[]): Span | undefined {
    let found: Span | undefined;
    let object = start;
    for (const name of path) {
      if (this.#bytes[object] !== OPEN_OBJECT) return undefined;
      found = undefined;
      this.#at = object;
      for (let more = this.#enter(); more; more = this.#next()) {
        const isWanted = this.#name() === name;
        const from = this.#at;
        this.#value();
        if (isWanted) found = { start: from, end: this.#at };
      }
      if (found === undefined) return undefined;
      object = found.start;
    }
    return found;
  }

  #note(member: NonNullable<Member>, start: number): void {
    switch (member) {
      case "id":
        this.#id = start;
        this.#idEnd = this.#at;
        break;
      case "method":
        this.#method = start;
        this.#methodEnd = this.#at;
        break;
      case "params":
        this.#params = start;
        break;
      case "result":
        this.#result = start;
        break;
      case "error":
        this.#error = start;
        break;
    }
  }

  #interpret(): ChildLine | undefined {
    const id = this.#id < 0 ? undefined : this.#key(this.#id, this.#idEnd);
    const idStart = id === undefined ? 0 : this.#id;
    const idEnd = id === undefined ? 0 : this.#idEnd;
    const bytes = this.#bytes;
    if (this.#method < 0) {
      const isError = this.#error >= 0;
      const bodyStart = isError ? this.#error : this.#result;
      if (this.#id < 0 || bodyStart < 0) return undefined;
      return { bytes, kind: "response", id, idStart, idEnd, method: "", isError, bodyStart };
    }
    const method = JSON.parse(textAt(bytes, { start: this.#method, end: this.#methodEnd })) as unknown;
    if (typeof method !== "string") return undefined;
    const kind = id === undefined ? "notification" : "request";
    return { bytes, kind, id, idStart, idEnd, method, isError: false, bodyStart: this.#params };
  }

  /** The id as it is compared; `undefined` for `null`. */
  #key(start: number, end: number): IdKey | undefined {
    const bytes = this.#bytes;
    if (end - start <= SAFE_DIGITS) {
      let value = 0;
      let at = start;
      for (; at < end; at++) {
        const code = bytes[at] as number;
        if (code < ZERO || code > NINE) break;
        value = value * 10 + code - ZERO;
      }
      if (at === end) return value;
    }
    const raw = textAt(bytes, { start, end });
    return raw === "null" ? undefined : idKey(raw);
  }

  /** Enters an object; false where it is empty. */
  #enter(): boolean {
    this.#expect(OPEN_OBJECT);
    this.#space();
    if (this.#bytes[this.#at] !== CLOSE_OBJECT) return true;
    this.#at++;
    return false;
  }

  /** Goes to the next member; false behind the last. */
  #next(): boolean {
    this.#space();
    if (this.#bytes[this.#at] === COMMA) {
      this.#at++;
      this.#space();
      return true;
    }
    this.#expect(CLOSE_OBJECT);
    return false;
  }

  /** Reads a name of the message, up to its value. */
  #member(): Member {
    const start = this.#at + 1;
    this.#nameEnd();
    const end = this.#at - 1;
    this.#colon();
    return this.#meaning(start, end);
  }

  #meaning(start: number, end: number): Member {
    const bytes = this.#bytes;
    for (let at = start; at < end; at++) {
      if (bytes[at] === BACKSLASH) return meaningOf(JSON.parse(textAt(bytes, { start: start - 1, end: end + 1 })));
    }
    const name = BY_FIRST_BYTE[bytes[start] ?? 0];
    return name !== undefined && this.#is(start, end, name) ? name : undefined;
  }

  #is(start: number, end: number, name: string): boolean {
    if (end - start !== name.length) return false;
    for (let i = 0; i < name.length; i++) if (this.#bytes[start + i] !== name.charCodeAt(i)) return false;
    return true;
  }

  /** Reads any name, up to its value. */
  #name(): string {
    const start = this.#at;
    this.#nameEnd();
    const raw = textAt(this.#bytes, { start, end: this.#at });
    this.#colon();
    return raw.includes("\\") ? (JSON.parse(raw) as string) : raw.slice(1, -1);
  }

  #nameEnd(): void {
    if (this.#bytes[this.#at] !== QUOTE) throw new Unreadable();
    this.#string();
  }

  #colon(): void {
    this.#space();
    this.#expect(COLON);
    this.#space();
  }

  #value(): void {
    const first = this.#bytes[this.#at];
    if (first === QUOTE) this.#string();
    else if (first === OPEN_OBJECT || first === OPEN_ARRAY) this.#nested();
    else this.#scalar();
  }

  #scalar(): void {
    const bytes = this.#bytes;
    const start = this.#at;
    let isDigits = bytes[start] !== ZERO;
    let code = bytes[start] ?? 0;
    while (isScalarByte[code]) {
      if (code < ZERO || code > NINE) isDigits = false;
      code = bytes[++this.#at] ?? 0;
    }
    if (isDigits && this.#at > start) return;
    if (!SCALAR.test(bytes.toString("latin1", start, this.#at))) throw new Unreadable();
  }

  /** Brackets are matched, everything else is looked at byte by byte only as far as telling JSON from prose needs. */
  #nested(): void {
    const bytes = this.#bytes;
    let depth = 0;
    do {
      const code = bytes[this.#at];
      if (code === undefined) throw new Unreadable();
      if (code === QUOTE) {
        this.#string();
        continue;
      }
      if (code === OPEN_OBJECT) closers[depth++] = CLOSE_OBJECT;
      else if (code === OPEN_ARRAY) closers[depth++] = CLOSE_ARRAY;
      else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
        if (closers[--depth] !== code) throw new Unreadable();
      } else if (!isTokenByte[code]) throw new Unreadable();
      if (depth > MAX_DEPTH) throw new Unreadable();
      this.#at++;
    } while (depth > 0);
  }

  #string(): void {
    const bytes = this.#bytes;
    const short = this.#at + LONG;
    for (let at = this.#at + 1; at < short; at++) {
      const code = bytes[at];
      if (code === QUOTE) {
        this.#at = at + 1;
        return;
      }
      if (code === BACKSLASH) at++;
      else if (code === undefined) throw new Unreadable();
    }
    this.#longString();
  }

  #longString(): void {
    const bytes = this.#bytes;
    const open = this.#at;
    let from = open + 1;
    for (;;) {
      const end = bytes.indexOf(QUOTE, from);
      if (end < 0) throw new Unreadable();
      let before = end;
      while (before > from && bytes[before - 1] === BACKSLASH) before--;
      from = end + 1;
      if ((end - before) % 2 === 0) {
        this.#at = from;
        return;
      }
    }
  }

  #expect(code: number): void {
    if (this.#bytes[this.#at] !== code) throw new Unreadable();
    this.#at++;
  }

  #space(): void {
    for (;;) {
      const code = this.#bytes[this.#at];
      if (code !== 0x20 && code !== 0x09 && code !== 0x0d && code !== 0x0a) return;
      this.#at++;
    }
  }
}

const MEMBERS: readonly NonNullable<Member>[] = ["id", "method", "params", "result", "error"];
/** No two of them begin alike. */
const BY_FIRST_BYTE: readonly Member[] = Array.from({ length: 256 }, (_, byte) =>
  MEMBERS.find((one) => one.charCodeAt(0) === byte),
);

function meaningOf(name: unknown): Member {
  return MEMBERS.find((one) => one === name);
}
