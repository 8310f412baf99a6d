/** Reads an event stream: bytes in, the events that carry data out. */
import type { Bytes } from "../bytes.ts";
import { SseScanner } from "./sse-scan.ts";

/** One event that carries data. */
export interface SseEvent {
  /** `message` where the stream names none. */
  readonly type: string;
  /** Its `data` lines, joined by newlines; never empty. */
  readonly data: string;
}

/** Splits an event stream. Memory is bounded by the largest event that is allowed. */
export class SseReader {
  readonly #scanner: SseScanner;

  /**
   * @param limit largest event in bytes, its field names included; a larger one is dropped and reported by `push`
   * @param onEvent gets each event that has data, as soon as the blank line behind it was read
   */
  constructor(limit: Bytes, onEvent: (event: SseEvent) => void) {
    this.#scanner = new SseScanner(limit, ({ type, data }) => {
      if (data) onEvent({ type: type || "message", data });
    });
  }

  /** The id that the stream gave last: where to go on after a break. `undefined` until it gave one. */
  get lastEventId(): string | undefined {
    return this.#scanner.lastEventId;
  }

  /** Of the stream that this one goes on from, until it gives an id of its own. */
  set lastEventId(id: string | undefined) {
    this.#scanner.lastEventId = id;
  }

  /** The pause in milliseconds that the stream asks for before a new connection. `undefined` until it asked. */
  get retry(): number | undefined {
    return this.#scanner.retry;
  }

  /** Takes the next bytes. False when an event went over the limit. What stands behind the last blank line is no event. */
  push(chunk: Uint8Array): boolean {
    const before = this.#scanner.overruns;
    this.#scanner.push(chunk);
    return this.#scanner.overruns === before;
  }
}
