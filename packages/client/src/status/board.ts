/** What a running client knows of itself: who used it, how often, what failed last. */
import { catalogue, publicMessage, type Entry, type Refusal } from "@smcp/core";

import { Apps, type App } from "./apps.ts";

/** A request that was not answered as its app wished. */
export interface LastError {
  /** Wall clock. */
  readonly at: number;
  /** JSON-RPC code, else the HTTP status. */
  readonly code: number;
  readonly message: string;
}

export class Board {
  readonly apps = new Apps();
  calls = 0;
  lastError: LastError | undefined;

  readonly #changed: () => void;

  /** @param changed called at every change, so it must be cheap */
  constructor(changed: () => void = () => undefined) {
    this.#changed = changed;
  }

  /** An app has sent a message. */
  used(app: App): void {
    app.calls++;
    app.lastUse = Date.now();
    this.calls++;
    this.#changed();
  }

  /** A request failed for a reason that a person may mend; what an app did wrong is its own affair. */
  failed(refusal: Refusal): void {
    const { status, code = status }: Entry = catalogue[refusal.refused];
    if (status !== 200 && status < 500) return;
    this.lastError = { at: Date.now(), code, message: publicMessage(refusal) };
    this.#changed();
  }
}
