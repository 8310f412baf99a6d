/**
 * Which proofs were used already. By hash, in flat tables of a bounded size that are swapped as time goes by: nothing is
 * kept for a collector to look at. The memory is this process's alone: another replica does not know what was used here.
 */
import { hash } from "node:crypto";

import type { Clock, Duration } from "@smcp/core";

/** A table begins with so many places and doubles when half of them are taken. */
const FIRST_SIZE = 1 << 12;
/** In a table of 8 MiB. Over 66 s they are 7,900 each second, which is more than one process verifies. */
const MOST = 1 << 19;

export class Replays {
  readonly #clock: Clock;
  readonly #term: Duration;
  readonly #most: number;
  #now: Table | undefined;
  #before: Table | undefined;
  #since = Number.NEGATIVE_INFINITY;

  /**
   * @param term how long each use is remembered at least
   * @param most uses that are remembered of one term
   */
  constructor(clock: Clock, term: Duration, most = MOST) {
    this.#clock = clock;
    this.#term = term;
    this.#most = most;
  }

  /**
   * Takes notice of a use: true for the first one. With no place left nothing counts as the first.
   *
   * @param key whose name it is
   * @param name what is used once
   */
  isFirst(key: string, name: string): boolean {
    this.#turn();
    // A name is the caller's own and may be long: its hash is not.
    const digest = hash("sha256", `${key} ${name}`, "buffer");
    const high = digest.readUInt32LE(0);
    // A pair of zeros stands for an empty place.
    const low = digest.readUInt32LE(4) || 1;
    if (this.#before?.has(high, low) === true) return false;
    this.#now ??= new Table(this.#most);
    return this.#now.add(high, low);
  }

  #turn(): void {
    const age = this.#clock.elapsed() - this.#since;
    if (age < this.#term) return;
    this.#before = age < 2 * this.#term ? this.#now : undefined;
    this.#now = undefined;
    this.#since = this.#clock.elapsed();
  }
}

/** Pairs of numbers, found by the first. */
class Table {
  #places = new Uint32Array(2 * FIRST_SIZE);
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  has(high: number, low: number): boolean {
    return this.#places[this.#find(high, low) + 1] === low;
  }

  /** False for a pair that is there already, or has no place. */
  add(high: number, low: number): boolean {
    if (this.#taken >= this.#most) return false;
    if (this.#taken >= this.#places.length / 4) this.#grow();
    const at = this.#find(high, low);
    if (this.#places[at + 1] === low) return false;
    this.#places[at] = high;
    this.#places[at + 1] = low;
    this.#taken++;
    return true;
  }

  /** Where the pair is, or would be. At least half of the places are empty, so there is always an end. */
  #find(high: number, low: number): number {
    const places = this.#places;
    const last = places.length - 2;
    let at = (high * 2) & last;
    while (places[at + 1] !== 0 && !(places[at] === high && places[at + 1] === low)) at = (at + 2) & last;
    return at;
  }

  #grow(): void {
    const old = this.#places;
    this.#places = new Uint32Array(2 * old.length);
    for (let from = 0; from < old.length; from += 2) {
      const [high = 0, low = 0] = [old[from], old[from + 1]];
      if (low === 0) continue;
      const at = this.#find(high, low);
      this.#places[at] = high;
      this.#places[at + 1] = low;
    }
  }
}
