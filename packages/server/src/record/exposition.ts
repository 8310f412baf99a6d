/** What a server counted, as Prometheus reads it, beside what is asked at that moment and what the process says of itself. */
import { collectDefaultMetrics, Gauge, Registry, type Metric } from "prom-client";

import type { Durations } from "./durations.ts";
import type { Metrics } from "./metrics.ts";

/** What a scrape needs. */
export type Exposition = Pick<Registry, "metrics" | "contentType">;

/** Builds the exposition of what is counted. */
export function openExposition({ version, gauges, operations, refusals, reloads }: Metrics): Exposition {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  add(registry, operations);
  counter(registry, "smcp_refusals_total", "Requests refused, by the row of the catalogue.", ["code", () => refusals]);
  counter(registry, "smcp_reloads_total", "Reloads of the configuration, by what became of them.", [
    "result",
    () => reloads,
  ]);
  gauge(registry, "smcp_build_info", "Always 1.", ["version", () => new Map([[version, 1]])]);
  gauge(registry, "smcp_backends", "Backends by kind.", ["kind", () => countBy(gauges.backends(), ({ kind }) => kind)]);
  const stdio = (of: "sessionCount" | "childCount") => (): Map<string, number> =>
    new Map([...gauges.stdio()].map(([server, counts]) => [server, counts[of]]));
  gauge(registry, "smcp_sessions", "Open sessions of a stdio backend.", ["server", stdio("sessionCount")]);
  gauge(registry, "smcp_children", "Running children of a stdio backend.", ["server", stdio("childCount")]);
  gauge(registry, "smcp_jwks_age_seconds", "Seconds since an issuer's keys were loaded.", [
    "issuer",
    () =>
      new Map([...gauges.keyAges()].filter(([, age]) => Number.isFinite(age)).map(([one, age]) => [one, age / 1_000])),
  ]);
  return registry;
}

/** A label, and the values by what it says. */
type Values = readonly [label: string, read: () => ReadonlyMap<string, number>];

function gauge(registry: Registry, name: string, help: string, [label, read]: Values): void {
  const one = new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect: () => {
      one.reset();
      for (const [value, number] of read()) one.set({ [label]: value }, number);
    },
  });
}

/** A counter that somebody else counts. */
function counter(registry: Registry, name: string, help: string, [label, read]: Values): void {
  const get = () => {
    const values = [...read()].map(([value, number]) => ({ labels: { [label]: value }, value: number }));
    return Promise.resolve({ name, help, type: "counter", values, aggregator: "sum" });
  };
  add(registry, { name, get });
}

/** What a registry asks of a metric at a scrape is its name and `get`. */
function add(registry: Registry, metric: Pick<Durations, "name" | "get">): void {
  registry.registerMetric(metric as unknown as Metric);
}

function countBy<T>(all: readonly T[], key: (one: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(key(one), (counts.get(key(one)) ?? 0) + 1);
  return counts;
}
