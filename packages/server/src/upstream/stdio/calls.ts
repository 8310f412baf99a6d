/**
 * The calls under way in a child, by id. Small whole numbers, which nearly all ids are, are found without hashing; and a
 * slot that was emptied keeps nothing alive, as the old table of a Map does.
 */
import type { IdKey } from "./line.ts";

const SLOTS = 128;
const MASK = SLOTS - 1;

export class CallTable<T extends { readonly key: IdKey }> {
  readonly #slots: (T | undefined)[] = Array.from<T | undefined>({ length: SLOTS });
  /** Those whose slot was taken, or whose id has none. */
  readonly #others = new Map<IdKey, T>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: IdKey): T | undefined {
    if (typeof key === "number") {
      const one = this.#slots[key & MASK];
      if (one?.key === key) return one;
    }
    return this.#others.size === 0 ? undefined : this.#others.get(key);
  }

  /** Adds one whose key is not there yet. */
  add(one: T): void {
    const { key } = one;
    this.#size++;
    if (typeof key === "number" && this.#slots[key & MASK] === undefined) this.#slots[key & MASK] = one;
    else this.#others.set(key, one);
  }

  /** False when it was not there. */
  delete(one: T): boolean {
    const { key } = one;
    if (typeof key === "number" && this.#slots[key & MASK] === one) this.#slots[key & MASK] = undefined;
    else if (this.#others.get(key) === one) this.#others.delete(key);
    else return false;
    this.#size--;
    return true;
  }

  /** All of them, in no order. */
  values(): T[] {
    return [...this.#slots.filter((one) => one !== undefined), ...this.#others.values()];
  }

  clear(): void {
    this.#slots.fill(undefined);
    this.#others.clear();
    this.#size = 0;
  }
}
