/** The table of backends by path: compiled at load, looked up per request. */
import type { Backend } from "@smcp/config";
import { isBelow } from "@smcp/core";

import type { Upstream } from "./upstream/upstream.ts";

/** One backend as requests reach it. */
export interface Route {
  readonly backend: Backend;
  readonly upstream: Upstream;
}

export class RouteTable {
  /** Longest path first, so that the first hit is the right one. */
  readonly #routes: readonly Route[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.toSorted((a, b) => b.backend.path.length - a.backend.path.length);
  }

  /** The route whose path holds `path`, on segment boundaries; the longest wins. */
  find(path: string): Route | undefined {
    for (const route of this.#routes) if (isBelow(route.backend.path, path)) return route;
    return undefined;
  }

  [Symbol.iterator](): Iterator<Route> {
    return this.#routes[Symbol.iterator]();
  }
}
