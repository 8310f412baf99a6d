/** What the client counts, written as Prometheus text by hand. Labels come from closed lists, never from requests. */
import type { Code, Duration } from "@smcp/core";

/** How a request ended: relayed, broken off on the way, answered here, or refused with a row of the catalogue. */
export type Outcome = "relayed" | "broken" | "local" | Code;

/** OpenTelemetry's buckets for MCP operations, in seconds. */
const BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

export class Metrics {
  readonly #requests = new Map<Outcome, number>();
  readonly #refreshes = new Map<"ok" | "failed", number>();
  readonly #buckets = BUCKETS.map(() => 0);
  #count = 0;
  #sum = 0;

  /** Counts a request; `took` is the time to its end. */
  request(outcome: Outcome, took: Duration): void {
    this.#requests.set(outcome, (this.#requests.get(outcome) ?? 0) + 1);
    if (outcome === "local") return;
    const seconds = took / 1_000;
    const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count++;
    this.#sum += seconds;
  }

  /** Counts a token request. */
  refresh(isGood: boolean): void {
    const result = isGood ? "ok" : "failed";
    this.#refreshes.set(result, (this.#refreshes.get(result) ?? 0) + 1);
  }

  /** The exposition, format 0.0.4. */
  text(): string {
    const requests = [...this.#requests].map(([outcome, n]) => `smcp_client_requests_total{outcome="${outcome}"} ${n}`);
    const refreshes = (["ok", "failed"] as const).map(
      (result) => `smcp_client_token_refreshes_total{result="${result}"} ${this.#refreshes.get(result) ?? 0}`,
    );
    return [
      ...head("smcp_client_requests_total", "counter", "Requests of local apps by how they ended."),
      ...requests,
      ...head("smcp_client_token_refreshes_total", "counter", "Token requests to the identity provider."),
      ...refreshes,
      ...head("mcp_client_operation_duration_seconds", "histogram", "Time from a local app's request to its end."),
      ...this.#histogram("mcp_client_operation_duration_seconds"),
      ...head("process_resident_memory_bytes", "gauge", "Resident memory."),
      `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
      ...head("process_cpu_seconds_total", "counter", "CPU time."),
      `process_cpu_seconds_total ${cpuSeconds()}`,
      "",
    ].join("\n");
  }

  #histogram(name: string): string[] {
    let below = 0;
    const lines = BUCKETS.map((bound, i) => {
      below += this.#buckets[i] ?? 0;
      return `${name}_bucket{le="${bound}"} ${below}`;
    });
    return [
      ...lines,
      `${name}_bucket{le="+Inf"} ${this.#count}`,
      `${name}_sum ${this.#sum}`,
      `${name}_count ${this.#count}`,
    ];
  }
}

function head(name: string, type: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}
