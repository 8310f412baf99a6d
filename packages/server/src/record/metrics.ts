/** Numbers for Prometheus. Labels come from the configuration or from short fixed lists, never from requests. */
import { STATUS_CODES } from "node:http";

import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";

import type { Backend } from "@smcp/config";
import type { Code } from "@smcp/core";

import { Durations, type Series } from "./durations.ts";

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
  readonly #registry = new Registry();
  readonly #operations: Durations;
  readonly #refusals: Counter<"code">;
  readonly #reloads: Counter<"result">;
  /** By server, method and status: labels are hashed once. */
  readonly #observers = new Map<string, Map<string, Map<number, Series>>>();

  constructor(version: string, gauges: Gauges) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#operations = new Durations(
      "mcp_server_operation_duration_seconds",
      "Time from a request's arrival to the end of its answer.",
      OPERATION_BUCKETS,
      this.#registry,
    );
    this.#refusals = new Counter({
      name: "smcp_refusals_total",
      help: "Requests refused, by the row of the catalogue.",
      labelNames: ["code"],
      registers,
    });
    const build = new Gauge({ name: "smcp_build_info", help: "Always 1.", labelNames: ["version"], registers });
    build.set({ version }, 1);
    const configured = new Gauge({
      name: "smcp_backends",
      help: "Backends by kind.",
      labelNames: ["kind"],
      registers,
      collect: () => {
        configured.reset();
        for (const { kind } of gauges.backends()) configured.inc({ kind });
      },
    });
    this.#reloads = new Counter({
      name: "smcp_reloads_total",
      help: "Reloads of the configuration, by what became of them.",
      labelNames: ["result"],
      registers,
    });
    this.#stdio(gauges, registers);
    const ages = new Gauge({
      name: "smcp_jwks_age_seconds",
      help: "Seconds since an issuer's keys were loaded.",
      labelNames: ["issuer"],
      registers,
      collect: () => {
        ages.reset();
        for (const [issuer, age] of gauges.keyAges()) if (Number.isFinite(age)) ages.set({ issuer }, age / 1_000);
      },
    });
  }

  #stdio({ stdio }: Gauges, registers: Registry[]): void {
    const sessions = new Gauge({
      name: "smcp_sessions",
      help: "Open sessions of a stdio backend.",
      labelNames: ["server"],
      registers,
      collect: () => {
        sessions.reset();
        for (const [server, { sessionCount }] of stdio()) sessions.set({ server }, sessionCount);
      },
    });
    const children = new Gauge({
      name: "smcp_children",
      help: "Running children of a stdio backend.",
      labelNames: ["server"],
      registers,
      collect: () => {
        children.reset();
        for (const [server, { childCount }] of stdio()) children.set({ server }, childCount);
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
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
      observer = this.#operations.series({ server, method: name, status: label });
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
    this.#refusals.inc({ code });
  }

  reload(result: "done" | "refused"): void {
    this.#reloads.inc({ result });
  }

  /** The exposition. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
