/**
 * The children of the modern era: one for each caller, or one for all. A child is no conversation, so that one which died
 * is replaced with the next request; one that keeps dying young is left alone for a while, for its own callers only.
 */
import { refuse, type Refusal } from "@smcp/core";
import type { Child } from "@smcp/edge";

import { StartBackoff } from "./backoff.ts";
import type { House } from "./house.ts";
import { ModernChild, type Visit } from "./modern-child.ts";
import type { EndOfUse } from "./nursery.ts";

/** Where the requests of one caller, or of all, go. */
interface Home {
  readonly backoff: StartBackoff;
  child: ModernChild | undefined;
  /** Who came while a child was being started. */
  waiting: Visit[] | undefined;
}

export class ModernChildren {
  readonly #house: House;
  readonly #homes = new Map<string, Home>();

  constructor(house: House) {
    this.#house = house;
  }

  /**
   * Sends a request to a child, a new one where there is none. Refuses with CHILDREN_EXHAUSTED, STREAMS_EXHAUSTED,
   * BACKEND_FAILED, BACKEND_SLOW or HEADER_MISMATCH, at once or on the visit's reply.
   *
   * @param caller who shares a child with nobody else, unless all share one
   * @param version a revision that the backend speaks
   */
  send(visit: Visit, caller: string, version: string): Refusal | undefined {
    const { backend, nursery, tuning } = this.#house;
    const isShared = backend.isolation === "shared";
    const key = isShared ? "" : caller;
    const home = this.#homes.get(key);
    if (home?.child) {
      home.child.send(visit);
      return undefined;
    }
    if (home?.waiting) {
      if (home.waiting.length >= tuning.maxCalls) return refuse("STREAMS_EXHAUSTED");
      home.waiting.push(visit);
      return undefined;
    }
    if (home && home.backoff.wait > 0) return nursery.failed();
    return this.#raise(visit, key, version);
  }

  /** Lets go of everybody. */
  end(reason: string): void {
    for (const { child } of this.#homes.values()) child?.end(reason);
  }

  #raise(visit: Visit, key: string, version: string): Refusal | undefined {
    const { nursery, tuning } = this.#house;
    this.#forgetEmpty();
    const waiting = [visit];
    const backoff = this.#homes.get(key)?.backoff ?? new StartBackoff(tuning.clock);
    const home: Home = { backoff, child: undefined, waiting };
    const refusal = nursery.raise({
      caller: key,
      isCounted: true,
      isWanted: () => waiting.some(({ reply }) => !reply.isClosed),
      onFailed: (why) => {
        home.waiting = undefined;
        if (this.#homes.get(key) === home) this.#homes.delete(key);
        for (const { message, reply } of waiting) reply.refuse(why, message.id);
      },
      live: (child, tag) => this.#live(home, key, { child, tag, version }),
    });
    if (!refusal) this.#homes.set(key, home);
    return refusal;
  }

  #live(
    home: Home,
    key: string,
    { child, tag, version }: { readonly child: Child; readonly tag: string; readonly version: string },
  ): Promise<EndOfUse> {
    const { nursery, ...terms } = this.#house;
    const { clock, earlyDeath } = terms.tuning;
    const startedAt = clock.elapsed();
    return new Promise((resolve) => {
      let hasServed = false;
      const modern = new ModernChild({
        ...terms,
        child,
        version,
        fields: nursery.fields(tag),
        onServed: () => {
          hasServed = true;
          nursery.succeeded();
        },
        onEnded: (end) => {
          home.child = undefined;
          if (end.byItself && clock.elapsed() - startedAt < earlyDeath) home.backoff.failed(startedAt);
          else if (this.#homes.get(key) === home) this.#homes.delete(key);
          resolve({ ...end, hasServed });
        },
      });
      const waiting = home.waiting ?? [];
      home.child = modern;
      home.waiting = undefined;
      for (const visit of waiting) if (!visit.reply.isClosed) modern.send(visit);
    });
  }

  /** What is kept of children that died young is forgotten once they may be started again. */
  #forgetEmpty(): void {
    for (const [key, { backoff, child, waiting }] of this.#homes) {
      if (!child && !waiting && backoff.isForgotten) this.#homes.delete(key);
    }
  }
}
