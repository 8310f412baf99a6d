/** Lines of a child that are no messages: told loudly once, for a server that logs on its output does so all the time. */
import type { Log, LogFields } from "@smcp/core";

export class Noise {
  readonly #log: Log;
  readonly #fields: LogFields;
  #isTold = false;

  constructor(log: Log, fields: LogFields) {
    this.#log = log;
    this.#fields = fields;
  }

  /** Tells of a line that was dropped, and never what stood in it. */
  dropped(line: Uint8Array): void {
    const message = "dropped a line of a child's output that is not a message";
    if (!this.#isTold) this.#log.warn({ ...this.#fields, bytes: line.length }, message);
    else if (this.#log.isDebug) this.#log.debug({ ...this.#fields, bytes: line.length }, message);
    this.#isTold = true;
  }
}
