/**
 * Sends one request and hands its answer to a sink, chunk by chunk, for whoever does not answer over HTTP. The same rules
 * as the relay's: the plan judges the head, a limit on waiting for it and none on the body.
 */
import { describeError } from "@smcp/core";
import type { Deadline, RelayFailure, RelayPlan, RelayRequest, UpstreamHeaders } from "@smcp/edge";
import type { Dispatcher, Pool } from "undici";

/** Takes an answer that the plan let through. Exactly one of `end` and `broken` is called, unless it is aborted. */
export interface Sink {
  head(status: number, headers: UpstreamHeaders): void;
  /** A promise: nothing more comes before it is fulfilled. */
  data(chunk: Buffer): Promise<void> | undefined;
  end(): void;
  /** The answer broke off in the middle. */
  broken(reason: string): void;
}

class Aborted extends Error {}

/** Sends the request. The answer to this call breaks it off; nothing is told then. */
export function receive(pool: Pool, request: RelayRequest, plan: RelayPlan, sink: Sink): () => void {
  const handler = new Receiver(plan, sink);
  try {
    const { method, path, headers, body } = request;
    pool.dispatch({ method, path, headers, body }, handler);
  } catch (error) {
    handler.onResponseError(undefined, error as Error);
  }
  return () => handler.abort();
}

class Receiver implements Dispatcher.DispatchHandler {
  readonly #plan: RelayPlan;
  readonly #sink: Sink;
  readonly #deadline: Deadline;
  #controller: Dispatcher.DispatchController | undefined;
  #isStarted = false;
  #isOver = false;

  constructor(plan: RelayPlan, sink: Sink) {
    this.#plan = plan;
    this.#sink = sink;
    this.#deadline = plan.deadlines.begin(() => this.#fail({ kind: "slow", reason: "no answer in time" }));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#isOver) controller.abort(new Aborted("given up"));
    this.#controller = controller;
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: UpstreamHeaders): void {
    if (status < 200 || this.#isOver) return;
    this.#deadline.leave();
    const out = this.#plan.head(status, headers);
    if (typeof out === "string") {
      this.#fail({ kind: "stopped", reason: out });
      return;
    }
    this.#isStarted = true;
    this.#sink.head(status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    const taken = this.#sink.data(chunk);
    if (!taken) return;
    controller.pause();
    void taken.then(() => controller.resume());
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.end();
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    if (error instanceof Aborted || this.#isOver) return;
    const reason = describeError(error);
    if (!this.#isStarted) this.#fail({ kind: "unreachable", reason });
    else {
      this.#isOver = true;
      this.#sink.broken(reason);
    }
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline.leave();
    this.#controller?.abort(new Aborted("given up"));
  }

  #fail(failure: RelayFailure): void {
    if (this.#isOver) return;
    this.abort();
    this.#plan.failed(failure);
  }
}
