/** Newline-delimited messages: bytes in at any chunk boundary, lines out. */

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Splits a byte stream into lines. Memory is bounded by the longest line that is allowed. */
export class LineSplitter {
  readonly #limit: number;
  readonly #onLine: (line: Uint8Array) => void;
  #parts: Uint8Array[] = [];
  #held = 0;
  #skipping = false;

  /**
   * @param limit longest line in bytes; a longer one is dropped up to its end and reported by `push`
   * @param onLine gets each line without its end (a trailing CR is removed); blank lines are left out
   */
  constructor(limit: number, onLine: (line: Uint8Array) => void) {
    this.#limit = limit;
    this.#onLine = onLine;
  }

  /** Takes the next bytes. False when a line went over the limit and was dropped. */
  push(chunk: Uint8Array): boolean {
    let within = true;
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      const part = chunk.subarray(start, end < 0 ? chunk.length : end);
      if (!this.#skipping && this.#held + part.length > this.#limit) {
        within = false;
        this.#skipping = true;
        this.#reset();
      }
      if (end < 0) {
        if (!this.#skipping && part.length > 0) this.#hold(part);
        return within;
      }
      if (!this.#skipping) this.#emit(part);
      this.#skipping = false;
      start = end + 1;
    }
  }

  #hold(part: Uint8Array): void {
    this.#parts.push(part);
    this.#held += part.length;
  }

  #emit(last: Uint8Array): void {
    let line = last;
    if (this.#parts.length > 0) {
      line = new Uint8Array(this.#held + last.length);
      let at = 0;
      for (const part of [...this.#parts, last]) {
        line.set(part, at);
        at += part.length;
      }
      this.#reset();
    }
    if (line.at(-1) === CARRIAGE_RETURN) line = line.subarray(0, -1);
    if (line.length > 0) this.#onLine(line);
  }

  #reset(): void {
    this.#parts = [];
    this.#held = 0;
  }
}

/**
 * A JSON text on one line: newlines between its tokens become spaces. Inside strings JSON has none, so nothing that a
 * reader sees is changed.
 */
export function onOneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/[\r\n]+/g, " ") : text;
}
