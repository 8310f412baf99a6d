/** Sends one case to a listener on a bare socket and tells what came of it. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

import { Garbled, readAnswers, type WireAnswer } from "./answers.ts";
import type { HostileCase } from "./case.ts";

/** An answer or the end of a connection comes within this, on a busy machine too. */
const LIMIT = 15_000;
/** After an answer, how long further ones may take before the connection is used again. */
const QUIET = 300;
const AGAIN = "GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n";

/**
 * Sends a case and waits for its end.
 *
 * @param id stands in the paths of the case
 * @returns the outcome in the words of {@link HostileCase.expect}, without its `+`
 */
export async function drive(port: number, id: string, one: HostileCase): Promise<string> {
  const exchange = new Exchange(port, one);
  const fill = (text: string): Buffer =>
    Buffer.from(text.replaceAll("{host}", `127.0.0.1:${port}`).replaceAll("{id}", id), "latin1");
  await exchange.send(one.send.map(fill), fill(AGAIN));
  return exchange.outcome;
}

class Exchange {
  readonly outcome: Promise<string>;
  readonly #one: HostileCase;
  readonly #socket: Socket;
  readonly #resolve: (outcome: string) => void;
  readonly #limit: NodeJS.Timeout;
  #quiet: NodeJS.Timeout | undefined;
  #got = "";
  #again: Buffer | undefined;
  #isAgain = false;

  constructor(port: number, one: HostileCase) {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.outcome = promise;
    this.#resolve = resolve;
    this.#one = one;
    this.#limit = setTimeout(() => this.#finish(`${this.#ended()} hung`), LIMIT);
    // Half open: that the other end is done is told by it, not guessed.
    this.#socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    this.#socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    for (const event of ["end", "close", "error"]) this.#socket.on(event, () => this.#finish(this.#ended()));
  }

  /**
   * @param again a request that is sent where the connection stays open: whatever is still hidden in it comes before the
   *   answer to that
   */
  async send(pieces: readonly Buffer[], again: Buffer): Promise<void> {
    this.#again = again;
    await once(this.#socket, "connect").catch(() => undefined);
    for (const piece of pieces) await this.#write(piece);
    if (this.#one.ends === "half") this.#socket.end();
    if (this.#one.ends === "leave") this.#finish("left");
  }

  /** Written, and for several pieces: on its way before the next one. */
  async #write(piece: Buffer): Promise<void> {
    await new Promise((resolve) => this.#socket.write(piece, resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }

  #receive(chunk: Buffer): void {
    this.#got += chunk.toString("latin1");
    if (this.#one.ends !== "stay" || this.#isAgain) return;
    const answers = this.#answers();
    const last = answers?.at(-1);
    if (!last || last.status < 200) return;
    clearTimeout(this.#quiet);
    if (last.headers.get("connection") === "close") return;
    if ((answers?.length ?? 0) >= mostAnswers(this.#one.expect)) this.#useAgain();
    else this.#quiet = setTimeout(() => this.#useAgain(), QUIET);
  }

  #useAgain(): void {
    this.#isAgain = true;
    if (this.#socket.writable) this.#socket.write(this.#again ?? "");
  }

  #answers(): readonly WireAnswer[] | undefined {
    try {
      return readAnswers(this.#got, this.#one.isHead).answers;
    } catch (error) {
      if (!(error instanceof Garbled)) throw error;
      this.#finish(error.message);
      return undefined;
    }
  }

  #finish(outcome: string): void {
    clearTimeout(this.#limit);
    clearTimeout(this.#quiet);
    this.#socket.destroy();
    this.#resolve(outcome);
  }

  #ended(): string {
    try {
      const { answers, rest } = readAnswers(this.#got, this.#one.isHead);
      // The answer to our own request is not one of the case.
      const own = this.#isAgain && answers.at(-1)?.body === "OK" ? answers.slice(0, -1) : answers;
      const isBare = own.some(({ status, headers }) => status >= 200 && !headers.has("x-request-id"));
      const statuses = own.map(({ status }) => status).join(" ") || "closed";
      return `${statuses}${isBare ? " without an id" : ""}${rest === "" ? "" : " cut off"}`;
    } catch (error) {
      if (error instanceof Garbled) return error.message;
      throw error;
    }
  }
}

/** How many answers the longest right outcome has. */
function mostAnswers(expect: string): number {
  return Math.max(...expect.split("|").map((one) => one.split(" ").length));
}
