/**
 * Frees the memory of large chunks early. Each one that is read from a socket is a block of its own outside of the heap, and
 * V8 looks after those too late: it lets them pile up until it marks the whole heap, many times a second under load. A young
 * collection frees the same blocks in a fraction of the time, but comes only when the heap itself grows, which relaying bytes
 * does not make it do. So it is asked for, every so many bytes.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import type { Bytes } from "@smcp/core";

const EVERY: Bytes = 16 << 20;

type Collect = (options: { readonly type: "minor" }) => void;

export class YoungGarbage {
  #passed: Bytes = 0;
  #collect: Collect | undefined;

  /** Counts a large chunk that was passed on. */
  passed(bytes: Bytes): void {
    this.#passed += bytes;
    if (this.#passed < EVERY) return;
    this.#passed = 0;
    this.#collect ??= exposeCollector();
    this.#collect({ type: "minor" });
  }
}

/** The collector is no global of ours: it is taken from a context of its own, and the flag is put back. */
function exposeCollector(): Collect {
  setFlagsFromString("--expose-gc");
  try {
    return runInNewContext("gc") as Collect;
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}
