/** The end of every request: one place that counts it and writes its line, whatever became of it. */
import { catalogue, describeError, type Log, type Message, type Refusal } from "@smcp/core";
import type { Ending } from "@smcp/edge";

import type { Settled } from "../exchange/carry.ts";
import type { Metrics } from "./metrics.ts";

/** Builds the recorder of a server. It never throws: an exchange that is over cannot be refused any more. */
export function recorder(metrics: Metrics, log: Log): (settled: Settled) => void {
  return (settled) => {
    try {
      const ms = performance.now() - settled.facts.arrivedAt;
      count(metrics, settled, ms);
      write(log, settled, ms);
    } catch (error) {
      log.error({ reason: describeError(error) }, "a request could not be recorded");
    }
  };
}

function count(metrics: Metrics, { facts, ending, refusal }: Settled, ms: number): void {
  if (refusal) metrics.refusal(refusal.refused);
  const server = facts.route?.backend.id;
  if (server === undefined) return;
  const method = facts.message?.method ?? facts.admitted.method;
  metrics.operation(server, method, ending.status, ms);
}

/** One line for each request: who asked what of whom, what came of it, how long it took. */
function write(log: Log, settled: Settled, elapsed: number): void {
  const { facts, ending, refusal } = settled;
  const level = refusal ? catalogue[refusal.refused].level : "info";
  if ((level === "info" && !log.isInfo) || (level === "debug" && !log.isDebug)) return;
  const ms = Math.round(elapsed);
  const where = facts.route ? ` at ${facts.route.backend.id}` : "";
  const sentence = `${whatOf(facts)}${where}: ${outcome(ending, refusal)} in ${ms} ms`;
  log[level]({ ...fieldsOf(settled), ms, ...refusalFields(settled) }, sentence);
}

function fieldsOf({ facts, ending }: Settled): Record<string, unknown> {
  const { admitted, address, message, principal, reply, route } = facts;
  return {
    request_id: reply.requestId,
    address,
    subject: principal?.subject || undefined,
    server: route?.backend.id,
    http: `${admitted.method} ${admitted.target.path}`,
    method: message?.method,
    name: message && subject(message),
    status: ending.status,
    bytes: ending.bytes,
    ...(!ending.complete && { incomplete: true }),
  };
}

/** What was asked, in a few words: the names in it are the caller's, so only enough of them to recognise. */
function whatOf({ admitted, message }: Settled["facts"]): string {
  if (!message) return admitted.method;
  const text = `${message.method || "response"} ${subject(message) ?? ""}`.trimEnd();
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function subject({ name, uri, taskId }: Message): string | undefined {
  return name ?? uri ?? taskId;
}

function outcome({ status, complete }: Ending, refusal: Refusal | undefined): string {
  if (refusal) return `${status} ${refusal.refused}`;
  return complete ? String(status) : `${status} broken off`;
}

function refusalFields({ refusal, at }: Settled): Record<string, unknown> | undefined {
  return refusal && { refused: refusal.refused, at, ...refusal.facts, reason: refusal.reason };
}
