/**
 * Reads an event stream: bytes in at any chunk boundary, events out. It follows the HTML standard's rules for lines,
 * fields and comments, and knows nothing of what the data means.
 */
import type { Bytes } from "../bytes.ts";

/** One event that carries data. */
export interface SseEvent {
  /** `message` where the stream names none. */
  readonly type: string;
  /** Its `data` lines, joined by newlines; never empty. */
  readonly data: string;
}

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const COLON = 0x3a;
const DIGITS = /^\d{1,9}$/;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Splits an event stream. Memory is bounded by the largest event that is allowed. */
export class SseReader {
  /** The id that the stream gave last: where to go on after a break. `undefined` until it gave one. */
  lastEventId: string | undefined;
  /** The pause in milliseconds that the stream asks for before a new connection. `undefined` until it asked. */
  retry: number | undefined;

  readonly #limit: Bytes;
  readonly #onEvent: (event: SseEvent) => void;
  #parts: Uint8Array[] = [];
  /** Bytes of the line so far; of a line that is being dropped only whether there were any. */
  #held = 0;
  #data: string[] = [];
  #size = 0;
  #type = "";
  #followsCarriage = false;
  #isFirst = true;
  /** An event over the limit is dropped up to the blank line behind it. */
  #isDropping = false;
  #within = true;

  /**
   * @param limit largest event in bytes, its field names included; a larger one is dropped and reported by `push`
   * @param onEvent gets each event that has data, as soon as the blank line behind it was read
   */
  constructor(limit: Bytes, onEvent: (event: SseEvent) => void) {
    this.#limit = limit;
    this.#onEvent = onEvent;
  }

  /** Takes the next bytes. False when an event went over the limit. What stands behind the last blank line is no event. */
  push(chunk: Uint8Array): boolean {
    this.#within = true;
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte !== NEWLINE && byte !== CARRIAGE_RETURN) continue;
      // CR LF is one end of line, also where the two bytes come apart.
      if (byte === CARRIAGE_RETURN || at > start || !this.#followsCarriage) this.#line(chunk.subarray(start, at));
      this.#followsCarriage = byte === CARRIAGE_RETURN;
      start = at + 1;
    }
    this.#hold(chunk.subarray(start));
    return this.#within;
  }

  #hold(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#followsCarriage = false;
    if (this.#fits(part.length)) {
      this.#parts.push(part);
      this.#held += part.length;
    } else this.#held = 1;
  }

  #fits(more: number): boolean {
    if (!this.#isDropping && this.#size + this.#held + more > this.#limit) {
      this.#within = false;
      this.#isDropping = true;
      this.#parts = [];
      this.#data = [];
    }
    return !this.#isDropping;
  }

  #line(last: Uint8Array): void {
    const isBlank = this.#held + last.length === 0;
    if (isBlank) this.#dispatch();
    else if (this.#fits(last.length)) this.#field(this.#text(last));
    this.#parts = [];
    this.#held = 0;
  }

  #text(last: Uint8Array): string {
    let line = last;
    if (this.#parts.length > 0) {
      line = new Uint8Array(this.#held + last.length);
      let at = 0;
      for (const part of [...this.#parts, last]) {
        line.set(part, at);
        at += part.length;
      }
    }
    // Comments do not count: they are kept nowhere, and a stream may send them for hours.
    if (line[0] !== COLON) this.#size += line.length;
    const text = utf8.decode(line);
    const isMarked = this.#isFirst && text.codePointAt(0) === 0xfe_ff;
    this.#isFirst = false;
    return isMarked ? text.slice(1) : text;
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    // A line that begins with a colon is a comment: the field without a name.
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#type = value;
    else if (name === "id" && !value.includes("\0")) this.lastEventId = value;
    else if (name === "retry" && DIGITS.test(value)) this.retry = Number(value);
  }

  #dispatch(): void {
    const data = this.#data.join("\n");
    const type = this.#type || "message";
    const isWhole = !this.#isDropping;
    this.#data = [];
    this.#type = "";
    this.#size = 0;
    this.#isDropping = false;
    if (isWhole && data !== "") this.#onEvent({ type, data });
  }
}
