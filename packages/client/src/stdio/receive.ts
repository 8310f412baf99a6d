/**
 * Sends one request and hands its answer to a sink, chunk by chunk, for whoever does not answer over HTTP. The same rules
 * as the relay's: the plan judges the head, a limit on waiting for it and none on the body.
 */
import { describeError } from "@smcp/core";
import type {
  Connection,
  Deadline,
  Receiver,
  RelayFailure,
  RelayPlan,
  UpstreamHeaders,
  UpstreamPool,
  RelayRequest,
} from "@smcp/edge";

/** Takes an answer that the plan let through. Exactly one of `end` and `broken` is called, unless it is aborted. */
export interface Sink {
  head(status: number, headers: UpstreamHeaders): void;
  /** A promise: nothing more comes before it is fulfilled. */
  data(chunk: Buffer): Promise<void> | undefined;
  end(): void;
  /** The answer broke off in the middle. */
  broken(reason: string): void;
}

/** Sends the request. The answer to this call breaks it off; nothing is told then. */
export function receive(pool: UpstreamPool, request: RelayRequest, plan: RelayPlan, sink: Sink): () => void {
  const reception = new Reception(plan, sink);
  reception.send(pool, request);
  return () => reception.abort();
}

class Reception implements Receiver {
  readonly #plan: RelayPlan;
  readonly #sink: Sink;
  readonly #deadline: Deadline;
  #connection: Connection | undefined;
  #isStarted = false;
  #isOver = false;

  constructor(plan: RelayPlan, sink: Sink) {
    this.#plan = plan;
    this.#sink = sink;
    this.#deadline = plan.deadlines.begin(() => this.#fail({ kind: "slow", reason: "no answer in time" }));
  }

  send(pool: UpstreamPool, request: RelayRequest): void {
    try {
      this.#connection = pool.send(request, this);
    } catch (error) {
      this.onFailed(error as Error);
    }
  }

  onHead(status: number, headers: UpstreamHeaders): void {
    if (this.#isOver) return;
    this.#deadline.leave();
    const out = this.#plan.head(status, headers);
    if (typeof out === "string") {
      this.#fail({ kind: "stopped", reason: out });
      return;
    }
    this.#isStarted = true;
    this.#sink.head(status, headers);
  }

  onData(chunk: Buffer): void {
    if (this.#isOver) return;
    const taken = this.#sink.data(chunk);
    if (!taken) return;
    this.#connection?.pause(this);
    void taken.then(() => this.#connection?.resume(this));
  }

  onEnd(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.end();
  }

  onFailed(error: Error): void {
    if (this.#isOver) return;
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
    this.#connection?.abort(this);
  }

  #fail(failure: RelayFailure): void {
    if (this.#isOver) return;
    this.abort();
    this.#plan.failed(failure);
  }
}
