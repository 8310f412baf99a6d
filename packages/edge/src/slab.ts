/**
 * Memory for pieces that live for one write: cut from large blocks in turn, because a block for each keeps the garbage
 * collector busier than the copying. A piece is never written again: it stays as it is for as long as it is referenced.
 */
import type { Bytes } from "@smcp/core";

const BLOCK: Bytes = 256 * 1_024;

export class Slab {
  readonly #size: Bytes;
  #block: Buffer;
  #start = 0;
  #used = 0;

  /** @param size of one block; a piece is never larger */
  constructor(size: Bytes = BLOCK) {
    this.#size = size;
    this.#block = Buffer.allocUnsafeSlow(size);
  }

  /** Begins a piece of at most `most` bytes. */
  begin(most: Bytes): void {
    if (this.#used + most > this.#size) {
      this.#block = Buffer.allocUnsafeSlow(Math.max(this.#size, most));
      this.#used = 0;
    }
    this.#start = this.#used;
  }

  /** Adds bytes to the piece that was begun. */
  add(from: Buffer, start: number, end: number): void {
    from.copy(this.#block, this.#used, start, end);
    this.#used += end - start;
  }

  /** Adds text whose characters are bytes. */
  addText(text: string): void {
    this.#used += this.#block.write(text, this.#used, "latin1");
  }

  /** Adds a whole array of bytes. */
  addAll(bytes: Uint8Array): void {
    this.#block.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** Ends the piece. */
  cut(): Buffer {
    return this.#block.subarray(this.#start, this.#used);
  }

  /**
   * Copies parts into one piece.
   *
   * @param total sum of the parts' lengths
   */
  join(parts: readonly Uint8Array[], total: Bytes): Buffer {
    if (total > this.#size / 4) return Buffer.concat(parts, total);
    this.begin(total);
    for (const part of parts) this.addAll(part);
    return this.cut();
  }
}
