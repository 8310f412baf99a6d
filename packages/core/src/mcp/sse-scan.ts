/**
 * Finds the events of a stream: bytes in at any chunk boundary, and at each blank line what stood before it. It follows
 * the HTML standard's rules for lines, fields and comments, and knows nothing of what the data means.
 */
import type { Bytes } from "../bytes.ts";

/** What stood between two blank lines. */
export interface SseDraft {
  /** `""` where no line names one. Known also of an event over the limit. */
  readonly type: string;
  /** The `data` lines, joined by newlines; `""` without any. `undefined` where the event went over the limit. */
  readonly data: string | undefined;
}

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const COLON = 0x3a;
const DIGITS = /^\d{1,9}$/;
/** Lines of an event over the limit are read up to this length: its type is still wanted. */
const SHORT: Bytes = 128;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads a stream. Memory is bounded by the limit. */
export class SseScanner {
  /** The id that the stream gave last, with an event that is whole: where to go on after a break. `undefined` until then. */
  lastEventId: string | undefined;
  /** The pause in milliseconds that the stream asks for before a new connection. `undefined` until it asked. */
  retry: number | undefined;
  /** The type that the event under way has so far. */
  type = "";
  /** How many events went over the limit so far. */
  overruns = 0;

  readonly #limit: Bytes;
  readonly #onBlank: (draft: SseDraft, end: number) => void;
  /** Of the line under way; `undefined`: too long to be looked at. */
  #parts: Uint8Array[] | undefined = [];
  #length = 0;
  #data: string[] = [];
  /** Of the event under way, or of one before it. */
  #id: string | undefined;
  #size = 0;
  /** False from where the event under way went over the limit, up to its blank line. */
  #isWithin = true;
  #followsCarriage = false;
  /** The next ones in the chunk at hand. */
  #newline = Infinity;
  #carriage = Infinity;
  #isFirst = true;

  /**
   * @param limit largest event in bytes, its field names included, its comments not
   * @param onBlank is told at once of each blank line, and where in the chunk it ends
   */
  constructor(limit: Bytes, onBlank: (draft: SseDraft, end: number) => void) {
    this.#limit = limit;
    this.#onBlank = onBlank;
  }

  /** True where a newline at the start of the next chunk belongs to the line before it. */
  get isAfterCarriage(): boolean {
    return this.#followsCarriage;
  }

  /** Takes the next bytes. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    // CR LF is one end of line, also where the two bytes come apart.
    let start = this.#followsCarriage && chunk[0] === NEWLINE ? 1 : 0;
    this.#followsCarriage = false;
    this.#newline = find(chunk, NEWLINE, start);
    this.#carriage = find(chunk, CARRIAGE_RETURN, start);
    for (let at = this.#nextEnd(); at < chunk.length; at = this.#nextEnd()) {
      const end = this.#goBehind(chunk, at);
      this.#line(chunk.subarray(start, at), end);
      start = end;
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
  }

  #nextEnd(): number {
    return Math.min(this.#newline, this.#carriage);
  }

  /** Where the line that ends at `at` has its last byte behind it. Each kind of end is looked for once per occurrence. */
  #goBehind(chunk: Uint8Array, at: number): number {
    const isPair = chunk[at] === CARRIAGE_RETURN && chunk[at + 1] === NEWLINE;
    const end = isPair ? at + 2 : at + 1;
    this.#followsCarriage = end === chunk.length && chunk[end - 1] === CARRIAGE_RETURN;
    if (this.#newline < end) this.#newline = find(chunk, NEWLINE, end);
    if (this.#carriage < end) this.#carriage = find(chunk, CARRIAGE_RETURN, end);
    return end;
  }

  #hold(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#isWithin && this.#size + this.#length > this.#limit) {
      this.#isWithin = false;
      this.#data = [];
      this.overruns++;
    }
    if (!this.#isWithin && this.#length > SHORT) this.#parts = undefined;
    this.#parts?.push(part);
  }

  #line(last: Uint8Array, end: number): void {
    if (last.length > 0) this.#hold(last);
    if (this.#length === 0) this.#blank(end);
    else if (this.#parts) this.#field(join(this.#parts, this.#length));
    this.#isFirst = false;
    this.#parts = [];
    this.#length = 0;
  }

  #field(line: Uint8Array): void {
    const isMarked = this.#isFirst && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf;
    const bare = isMarked ? line.subarray(3) : line;
    // Comments do not count: they are kept nowhere, and a stream may send them for hours.
    if (bare[0] === COLON) return;
    if (this.#isWithin) this.#size += line.length;
    const text = utf8.decode(bare);
    const colon = text.indexOf(":");
    const name = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(text[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "event") this.type = value;
    else if (this.#isWithin) this.#keep(name, value);
  }

  #keep(name: string, value: string): void {
    if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && DIGITS.test(value)) this.retry = Number(value);
  }

  #blank(end: number): void {
    const { type } = this;
    const data = this.#isWithin ? this.#data.join("\n") : undefined;
    // Not before: of an event that breaks off there is nothing, and it must be asked for again.
    this.lastEventId = this.#id;
    this.#data = [];
    this.#size = 0;
    this.type = "";
    this.#isWithin = true;
    this.#onBlank({ type, data }, end);
  }
}

function find(chunk: Uint8Array, byte: number, from: number): number {
  const at = chunk.indexOf(byte, from);
  return at < 0 ? Infinity : at;
}

/** One piece from parts that were cut apart; not copied where it is one already. */
export function join(parts: readonly Uint8Array[], total: number): Uint8Array {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const whole = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
