/** Bounds the streams that callers hold open: over all, and for each of them, so that one cannot take them all. */
import { go, refuse } from "@smcp/core";

import { holdsOpen } from "../exchange/standing.ts";
import type { Arrival, Called, GatewayBack, GatewayStage, Known } from "../exchange/facts.ts";

const NOTHING = {};

/** Few enough to hold in any case: an app with a dozen servers has a stream at each. */
const LEAST_SHARE = 16;

/** The streams that are open. They outlive a reload, and so does their count. */
export class OpenStreams {
  #count = 0;
  /** Callers without one are not kept. */
  readonly #ofCaller = new Map<string, number>();

  get count(): number {
    return this.#count;
  }

  of(caller: string): number {
    return this.#ofCaller.get(caller) ?? 0;
  }

  enter(caller: string): void {
    this.#count++;
    this.#ofCaller.set(caller, this.of(caller) + 1);
  }

  leave(caller: string): void {
    this.#count--;
    const left = this.of(caller) - 1;
    if (left > 0) this.#ofCaller.set(caller, left);
    else this.#ofCaller.delete(caller);
  }
}

/**
 * What is meant to stay open counts until it ends; a call that is answered as a stream does not, for it ends by itself.
 * One caller may hold a quarter of the limit, and 16 in any case; the anonymous are nobody in particular and have the
 * whole limit together. Refuses with `STREAMS_EXHAUSTED`.
 *
 * @param limit streams at once, over all callers
 * @param open those that are open, also under the configuration before this one
 */
export function streams(limit: number, open: OpenStreams): GatewayStage<Arrival & Known & Called, object> {
  const share = Math.max(LEAST_SHARE, Math.floor(limit / 4));
  return {
    name: "streams",
    run: ({ admitted: { method }, message, principal: { kind, key } }) => {
      if (!holdsOpen(method, message)) return go(NOTHING);
      if (open.count >= limit) return refuse("STREAMS_EXHAUSTED", undefined, { reason: "all are taken" });
      if (kind !== "anonymous" && open.of(key) >= share) {
        return refuse("STREAMS_EXHAUSTED", undefined, { reason: `this caller holds ${share} already` });
      }
      open.enter(key);
      const back: GatewayBack = { settle: () => open.leave(key) };
      return go(NOTHING, back);
    },
  };
}
