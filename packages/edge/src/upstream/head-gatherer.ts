/** Gathers a head that comes in more than one read, each byte looked at once: what drips in must not cost more than what comes. */
import { BadAnswer } from "./response-head.ts";

/** Longest head in bytes. */
const MAX_HEAD = 64 * 1_024;
const END = "\r\n\r\n";

export class HeadGatherer {
  readonly #parts: Buffer[] = [];
  #size = 0;
  /** The last bytes so far, as many as the end of a head may have left behind it. */
  #tail = "";

  /**
   * Takes the next bytes, which it copies.
   *
   * @returns how many of them belong to the head, `undefined` while its end is not there
   * @throws {BadAnswer} when it is too large
   */
  add(bytes: Buffer): number | undefined {
    const text = this.#tail + bytes.toString("latin1", 0, MAX_HEAD - this.#size);
    const end = text.indexOf(END);
    const used = end < 0 ? bytes.length : end + END.length - this.#tail.length;
    this.#size += used;
    if (end < 0 && this.#size >= MAX_HEAD) throw new BadAnswer("its head is too large");
    this.#parts.push(Buffer.from(bytes.subarray(0, used)));
    this.#tail = text.slice(1 - END.length);
    return end < 0 ? undefined : used;
  }

  /** The whole head in latin1, with its last end of line, without the empty line behind it. */
  get text(): string {
    return Buffer.concat(this.#parts).toString("latin1", 0, this.#size - 2);
  }
}
