/**
 * What a server counts. Labels come from the configuration or from short fixed lists, never from requests. How it is told,
 * with all that is asked at that moment, is the exposition's.
 */
import { STATUS_CODES } from "node:http";

import type { Backend } from "@smcp/config";
import type { Code } from "@smcp/core";

import { Durations, type Series } from "./durations.ts";
import type { Exposition } from "./exposition.ts";

const OPERATION_BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
/** The methods that have a series of their own; all others share one. */
const METHODS: ReadonlySet<string> = new Set(
  `GET DELETE initialize ping server/discover tools/list tools/call prompts/list prompts/get resources/list resources/read
  resources/templates/list resources/subscribe resources/unsubscribe completion/complete logging/setLevel
  subscriptions/listen tasks/get tasks/update tasks/cancel`.split(/\s+/),
);

const OTHER_STATUS = -1;

/** What is asked at scrape time. */
export interface Gauges {
  readonly backends: () => readonly Backend[];
  /** Milliseconds since each issuer's keys were loaded. */
  readonly keyAges: () => ReadonlyMap<string, number>;
  /** Open sessions and running children of each stdio backend. */
  readonly stdio: () => ReadonlyMap<string, { readonly sessionCount: number; readonly childCount: number }>;
}

export class Metrics {
  readonly version: string;
  readonly gauges: Gauges;
  readonly operations = new Durations(
    "mcp_server_operation_duration_seconds",
    "Time from a request's arrival to the end of its answer.",
    OPERATION_BUCKETS,
  );
  readonly refusals = new Map<Code, number>();
  readonly reloads = new Map<"done" | "refused", number>();

  /** By server, method and status: labels are hashed once. */
  readonly #observers = new Map<string, Map<string, Map<number, Series>>>();
  #exposition: Promise<Exposition> | undefined;

  constructor(version: string, gauges: Gauges) {
    this.version = version;
    this.gauges = gauges;
  }

  /** Counts one request that reached a backend's route. `durationMs` in milliseconds. */
  operation(server: string, method: string, status: number, durationMs: number): void {
    const name = METHODS.has(method) ? method : "other";
    const observers = this.#observersOf(server, name);
    // A backend may answer with any number there is: those without a name share a series.
    const known = status === 0 || STATUS_CODES[status] !== undefined ? status : OTHER_STATUS;
    let observer = observers.get(known);
    if (!observer) {
      const label = known === OTHER_STATUS ? "other" : String(status);
      observer = this.operations.series({ server, method: name, status: label });
      observers.set(known, observer);
    }
    observer.observe(durationMs / 1_000);
  }

  #observersOf(server: string, method: string): Map<number, Series> {
    let byMethod = this.#observers.get(server);
    if (!byMethod) this.#observers.set(server, (byMethod = new Map()));
    let byStatus = byMethod.get(method);
    if (!byStatus) byMethod.set(method, (byStatus = new Map()));
    return byStatus;
  }

  refusal(code: Code): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }

  reload(result: "done" | "refused"): void {
    this.reloads.set(result, (this.reloads.get(result) ?? 0) + 1);
  }

  /** The exposition. The library behind it is loaded at the first scrape: no start waits for it. */
  async text(): Promise<{ readonly text: string; readonly type: string }> {
    this.#exposition ??= import("./exposition.ts").then(({ openExposition }) => openExposition(this));
    const exposition = await this.#exposition;
    return { text: await exposition.metrics(), type: exposition.contentType };
  }
}
