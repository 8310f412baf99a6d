/**
 * Requests that come on a connection before the answers to earlier ones: each waits for its turn, so that nothing is done
 * behind an answer that ends the connection, and one connection cannot ask for much at once.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Requests that may wait on one connection. Hardly a client sends any. */
const MAX_WAITING = 100;

export class Turns {
  readonly #waiting = new WeakMap<Socket, number>();

  /** Calls `serve` when the answer may be written, or never when its connection ends before. */
  wait(socket: Socket, outgoing: ServerResponse, serve: () => void): void {
    const count = (this.#waiting.get(socket) ?? 0) + 1;
    if (count > MAX_WAITING) {
      socket.destroy();
      return;
    }
    this.#waiting.set(socket, count);
    // Node gives an answer its socket when all answers before it are written.
    outgoing.once("socket", () => {
      this.#waiting.set(socket, (this.#waiting.get(socket) ?? 1) - 1);
      serve();
    });
  }
}
