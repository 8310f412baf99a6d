/** The end of every request: one place that counts it and writes its line, whatever became of it. */
import { catalogue, describeError, type Log, type Refusal } from "@smcp/core";

import type { Settled } from "../exchange/carry.ts";
import type { Metrics } from "./metrics.ts";

/** Builds the recorder of a server. It never throws: an exchange that is over cannot be refused any more. */
export function recorder(metrics: Metrics, log: Log): (settled: Settled) => void {
  return (settled) => {
    try {
      count(metrics, settled);
      write(log, settled);
    } catch (error) {
      log.error({ reason: describeError(error) }, "a request could not be recorded");
    }
  };
}

function count(metrics: Metrics, { facts, ending, refusal }: Settled): void {
  if (refusal) metrics.refusal(refusal.refused);
  const server = facts.route?.backend.id;
  if (server === undefined) return;
  const method = facts.message?.method ?? facts.admitted.method;
  metrics.operation(server, method, ending.status, performance.now() - facts.arrivedAt);
}

function write(log: Log, { facts, ending, refusal, at }: Settled): void {
  const level = refusal ? catalogue[refusal.refused].level : "debug";
  if (level === "debug" && !log.isDebug) return;
  const { admitted, arrivedAt, address, message, principal, reply, route } = facts;
  log[level](
    {
      request_id: reply.requestId,
      address,
      subject: principal?.subject || undefined,
      server: route?.backend.id,
      http: `${admitted.method} ${admitted.target.path}`,
      method: message?.method,
      name: message?.name,
      status: ending.status,
      bytes: ending.bytes,
      complete: ending.complete,
      ms: Math.round(performance.now() - arrivedAt),
      ...(refusal && refusalFields(refusal, at)),
    },
    refusal ? "refused" : "served",
  );
}

function refusalFields({ refused, facts, reason }: Refusal, at: string): Record<string, unknown> {
  return { refused, at, ...facts, reason };
}
