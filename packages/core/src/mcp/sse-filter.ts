/**
 * Lets an event stream pass byte for byte, except for the events of one type, each of which may be kept, dropped, given
 * other data, or end the stream. What it lets pass are ranges of the chunks themselves: nothing is decoded for the sake
 * of bytes that stay as they are, and nothing waits once the blank line behind an event was seen.
 */
import type { Bytes } from "../bytes.ts";
import { join, SseScanner, type SseDraft } from "./sse-scan.ts";
import type { SseEvent } from "./sse.ts";

/**
 * What becomes of an event: its bytes pass, or nothing of it does, or it passes with other data and all its other lines,
 * or the stream must be broken off for the reason given.
 */
export type SseVerdict = "keep" | "drop" | { readonly data: string } | { readonly breaks: string };

export interface SseFilterRules {
  /** The type of the events to judge; `message` stands for those that name none. */
  readonly type: string;
  /** The largest event to judge in bytes; of another type, one over it passes as it comes. */
  readonly limit: Bytes;
  judge(event: SseEvent): SseVerdict;
}

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const COLON = 0x3a;

const utf8 = new TextEncoder();

/** A filter for one stream. Holds at most the limit and a chunk. */
export class SseFilter {
  /** Why the stream must be broken off; `undefined` while it need not. */
  broken: string | undefined;

  readonly #rules: SseFilterRules;
  readonly #scanner: SseScanner;
  /** What came of the event under way before this chunk and did not go out. */
  #held: Uint8Array[] = [];
  #size = 0;
  /** True once bytes of the event under way went out: it was over the limit and of no type that is judged. */
  #isPassing = false;
  /** True between an event's blank line and the next byte. */
  #isBetween = true;
  /** Whether the event before went out: a newline that belongs to its last line goes the same way. */
  #wasKept = true;
  #chunk: Uint8Array = new Uint8Array();
  /** From where on the chunk passes and has not gone out. */
  #from = 0;
  /** Where in the chunk the event under way begins. */
  #at = 0;
  #out: Uint8Array[] = [];

  constructor(rules: SseFilterRules) {
    this.#rules = rules;
    this.#scanner = new SseScanner(rules.limit, (draft, end) => {
      if (this.broken === undefined) this.#decide(draft, end);
    });
  }

  /** The pieces that go on, in order; `undefined` once the stream must be broken off. */
  push(chunk: Uint8Array): readonly Uint8Array[] | undefined {
    if (this.broken !== undefined) return undefined;
    if (chunk.length === 0) return [];
    this.#chunk = chunk;
    this.#from = 0;
    this.#at = 0;
    this.#out = [];
    if (this.#isBetween && this.#scanner.isAfterCarriage && chunk[0] === NEWLINE) {
      this.#at = 1;
      if (!this.#wasKept) this.#from = 1;
    }
    this.#scanner.push(chunk);
    if (!this.#isWhole()) return undefined;
    this.#rest();
    return this.#isWhole() ? this.#out : undefined;
  }

  /**
   * The stream is over. What stands behind the last blank line is no event to any reader and goes out as it is, unless it
   * has the type that is judged, for it was not.
   */
  end(): readonly Uint8Array[] {
    return this.broken !== undefined || this.#isJudged(this.#scanner.type) ? [] : this.#held;
  }

  #isWhole(): boolean {
    return this.broken === undefined;
  }

  #isJudged(type: string): boolean {
    return (type || "message") === this.#rules.type;
  }

  #decide({ type, data }: SseDraft, end: number): void {
    const verdict = this.#verdict(type, data);
    if (verdict !== "keep" && verdict !== "drop" && "breaks" in verdict) {
      this.broken = verdict.breaks;
      return;
    }
    this.#isPassing = false;
    this.#wasKept = verdict !== "drop";
    if (verdict === "keep") this.#passHeld();
    else {
      this.#passUpTo(this.#at);
      this.#from = end;
      this.#held.push(this.#chunk.subarray(this.#at, end));
      if (verdict !== "drop") this.#out.push(withData(this.#held, verdict.data));
    }
    this.#held = [];
    this.#size = 0;
    this.#at = end;
  }

  #verdict(type: string, data: string | undefined): SseVerdict {
    if (!this.#isJudged(type)) return "keep";
    if (this.#isPassing || data === undefined) return { breaks: `an event "${this.#rules.type}" is too large` };
    // An event without data is none, but its id counts.
    return data === "" ? "keep" : this.#rules.judge({ type: this.#rules.type, data });
  }

  /** What stands in the chunk behind its last event. */
  #rest(): void {
    const { length } = this.#chunk;
    this.#isBetween = this.#at === length;
    if (this.#isPassing) {
      this.#passUpTo(length);
      return;
    }
    this.#passUpTo(this.#at);
    if (this.#isBetween) return;
    this.#held.push(this.#chunk.subarray(this.#at));
    this.#size += length - this.#at;
    if (this.#size <= this.#rules.limit) return;
    if (this.#isJudged(this.#scanner.type)) this.broken = `an event "${this.#rules.type}" is too large`;
    this.#passHeld();
    this.#held = [];
    this.#size = 0;
    this.#isPassing = true;
  }

  #passHeld(): void {
    for (const part of this.#held) this.#out.push(part);
  }

  #passUpTo(end: number): void {
    if (end > this.#from) this.#out.push(this.#chunk.subarray(this.#from, end));
  }
}

/** The event with other data: in the place of its first `data` line, the lines around it byte for byte. */
function withData(parts: readonly Uint8Array[], data: string): Uint8Array {
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const event = join(parts, total);
  const out: Uint8Array[] = [];
  let isWritten = false;
  for (let start = 0, end = 0; start < event.length; start = end) {
    let at = start;
    while (at < event.length && event[at] !== NEWLINE && event[at] !== CARRIAGE_RETURN) at++;
    end = event[at] === CARRIAGE_RETURN && event[at + 1] === NEWLINE ? at + 2 : at + 1;
    if (!isData(event, start, at)) out.push(event.subarray(start, end));
    else if (!isWritten) {
      isWritten = true;
      const ending = event.subarray(at, end);
      for (const line of data.split(/\r\n|\r|\n/)) out.push(utf8.encode(`data: ${line}`), ending);
    }
  }
  return join(
    out,
    out.reduce((sum, part) => sum + part.length, 0),
  );
}

function isData(event: Uint8Array, start: number, end: number): boolean {
  // A byte order mark may stand in front of a stream's first line.
  const at = start === 0 && event[0] === 0xef && event[1] === 0xbb && event[2] === 0xbf ? 3 : start;
  for (let i = 0; i < 4; i++) if (event[at + i] !== DATA[i]) return false;
  return end === at + 4 || event[at + 4] === COLON;
}

const DATA = utf8.encode("data");
