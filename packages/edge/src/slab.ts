/**
 * Memory for pieces that live for one write: cut from large blocks in turn, because a block for each keeps the garbage
 * collector busier than the copying.
 */
const BLOCK = 256 * 1_024;

export class Slab {
  #block = Buffer.allocUnsafeSlow(BLOCK);
  #used = 0;

  /**
   * Copies parts into one piece. A piece is never written again: it stays as it is for as long as it is referenced.
   *
   * @param total sum of the parts' lengths
   */
  join(parts: readonly Uint8Array[], total: number): Buffer {
    if (total > BLOCK / 4) return Buffer.concat(parts, total);
    if (this.#used + total > BLOCK) {
      this.#block = Buffer.allocUnsafeSlow(BLOCK);
      this.#used = 0;
    }
    const start = this.#used;
    for (const part of parts) {
      this.#block.set(part, this.#used);
      this.#used += part.length;
    }
    return this.#block.subarray(start, this.#used);
  }
}
