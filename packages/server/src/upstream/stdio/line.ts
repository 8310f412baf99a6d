/**
 * Reads of a child's line what routing needs, and nothing else: kind, id, method, progress token. The line itself goes on
 * unchanged. It is laxer than the core's scanner on purpose: servers are not callers, and what one of them writes is only
 * ever read by the one caller whose session it is. Where a member stands twice the last one counts, as in `JSON.parse`.
 */

export interface ChildLine {
  readonly kind: "request" | "notification" | "response";
  /** See {@link idKey}; absent on notifications, and on a response to nothing (`null`). */
  readonly id: string | undefined;
  /** `""` on a response. */
  readonly method: string;
  /** True on a response that is an error. */
  readonly isError: boolean;
  /** Of a progress notification; see {@link idKey}. */
  readonly progressToken: string | undefined;
}

/**
 * What ids are compared by. Not the bytes: a server in JavaScript answers `1.0` as `1` and `"\u0061"` as `"a"`. A number
 * that such a server would round is compared by its digits, so that two large ids never meet.
 *
 * @param raw JSON text of a string or a number
 */
export function idKey(raw: string): string {
  if (raw.codePointAt(0) === QUOTE) return raw.includes("\\") ? JSON.stringify(JSON.parse(raw)) : raw;
  const value = Number(raw);
  return Number.isSafeInteger(value) ? String(value) : raw;
}

/** Reads one line; `undefined` when it is not a JSON-RPC message. Never throws. */
export function readChildLine(line: Uint8Array): ChildLine | undefined {
  try {
    const reader = new Reader(line);
    return interpret(reader, reader.document());
  } catch (error) {
    if (error instanceof Unreadable || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Members that matter, as raw JSON text. Only `true` for large values that nobody looks into. */
interface Members {
  id?: string;
  method?: string;
  result?: true;
  error?: true;
  params?: number;
}

function interpret(reader: Reader, members: Members): ChildLine | undefined {
  const id = members.id === undefined || members.id === "null" ? undefined : idKey(members.id);
  const isError = members.error === true;
  if (members.method === undefined) {
    if (members.id === undefined || (!members.result && !isError)) return undefined;
    return { kind: "response", id, method: "", isError, progressToken: undefined };
  }
  const method = JSON.parse(members.method) as unknown;
  if (typeof method !== "string") return undefined;
  const token = method === "notifications/progress" ? reader.progressToken(members.params) : undefined;
  const progressToken = token === undefined ? undefined : idKey(token);
  return { kind: id === undefined ? "notification" : "request", id, method, isError: false, progressToken };
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

const MAX_DEPTH = 1_000;
/** From here on a search by the machine beats a loop over bytes. */
const LONG = 32;

// eslint-disable-next-line no-control-regex
const ASCII = /^[\0-\x7f]*$/;
const SCALAR = /^(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)$/;

/** Bytes that may stand outside strings and brackets. */
const isTokenByte = new Uint8Array(256);
for (const one of " \t\r\n,:+-.0123456789truefalsenullE") isTokenByte[one.codePointAt(0) ?? 0] = 1;
const isScalarByte = isTokenByte.slice();
for (const one of " \t\r\n,:") isScalarByte[one.codePointAt(0) ?? 0] = 0;

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(line: Uint8Array) {
    this.#bytes = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  }

  /** The members of the one object that the line is. */
  document(): Members {
    const members: Members = {};
    this.#members((name, start, end) => {
      if (name === "id") members.id = this.#text(start, end);
      else if (name === "method") members.method = this.#text(start, end);
      else if (name === "params") members.params = start;
      else if (name === "result") members.result = true;
      else if (name === "error") members.error = true;
    });
    this.#space();
    if (this.#at < this.#bytes.length) throw new Unreadable();
    return members;
  }

  /** The raw token in the `params` that begin at `start`. */
  progressToken(start: number | undefined): string | undefined {
    if (start === undefined || this.#bytes[start] !== OPEN_OBJECT) return undefined;
    let token: string | undefined;
    this.#at = start;
    this.#members((name, from, to) => {
      if (name === "progressToken") token = this.#text(from, to);
    });
    return token;
  }

  #members(onMember: (name: string, start: number, end: number) => void): void {
    this.#space();
    this.#expect(OPEN_OBJECT);
    this.#space();
    if (this.#bytes[this.#at] === CLOSE_OBJECT) {
      this.#at++;
      return;
    }
    for (;;) {
      this.#space();
      const nameStart = this.#at;
      if (this.#bytes[nameStart] !== QUOTE) throw new Unreadable();
      this.#string();
      const name = this.#name(nameStart, this.#at);
      this.#space();
      this.#expect(COLON);
      this.#space();
      const start = this.#at;
      this.#value();
      onMember(name, start, this.#at);
      this.#space();
      if (this.#bytes[this.#at] !== COMMA) break;
      this.#at++;
    }
    this.#expect(CLOSE_OBJECT);
  }

  #name(start: number, end: number): string {
    const raw = this.#text(start, end);
    return raw.includes("\\") ? (JSON.parse(raw) as string) : raw.slice(1, -1);
  }

  #value(): void {
    const first = this.#bytes[this.#at];
    if (first === QUOTE) this.#string();
    else if (first === OPEN_OBJECT || first === OPEN_ARRAY) this.#nested();
    else this.#scalar();
  }

  #scalar(): void {
    const start = this.#at;
    while (isScalarByte[this.#bytes[this.#at] ?? 0]) this.#at++;
    if (!SCALAR.test(this.#text(start, this.#at))) throw new Unreadable();
  }

  /** Brackets are matched, everything else is looked at byte by byte only as far as telling JSON from prose needs. */
  #nested(): void {
    const bytes = this.#bytes;
    const closers: number[] = [];
    do {
      const code = bytes[this.#at];
      if (code === undefined) throw new Unreadable();
      if (code === QUOTE) {
        this.#string();
        continue;
      }
      if (code === OPEN_OBJECT) closers.push(CLOSE_OBJECT);
      else if (code === OPEN_ARRAY) closers.push(CLOSE_ARRAY);
      else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
        if (closers.pop() !== code) throw new Unreadable();
      } else if (!isTokenByte[code]) throw new Unreadable();
      if (closers.length > MAX_DEPTH) throw new Unreadable();
      this.#at++;
    } while (closers.length > 0);
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

  #text(start: number, end: number): string {
    const text = this.#bytes.toString("latin1", start, end);
    return ASCII.test(text) ? text : this.#bytes.toString("utf8", start, end);
  }
}
