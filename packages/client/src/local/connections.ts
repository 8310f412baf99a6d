/** What is known of the connections of local apps, told once for each: the rules of the address they came in on, and whose they are. */
import type { Socket } from "node:net";

import type { App } from "../status/apps.ts";
import type { PeerCheck } from "./peers.ts";

/** One connection. */
export interface Connection<Rules> {
  readonly rules: Rules;
  /** Until it is known whose it is: true when it is served. */
  pending: Promise<boolean> | undefined;
  /** The app at its other end, once it has sent something. */
  app: App | undefined;
  /** True once it had its chance to tell its name. */
  isIntroduced: boolean;
}

export class Connections<Rules> {
  readonly #known = new WeakMap<Socket, Connection<Rules>>();
  readonly #rulesFor: (socket: Socket) => Rules;
  readonly #check: PeerCheck | undefined;

  /** @param check `undefined`: everybody is served */
  constructor(rulesFor: (socket: Socket) => Rules, check: PeerCheck | undefined) {
    this.#rulesFor = rulesFor;
    this.#check = check;
  }

  /** The connection behind a socket. One that must not be served is closed without a word. */
  of(socket: Socket): Connection<Rules> {
    const known = this.#known.get(socket);
    if (known) return known;
    const connection: Connection<Rules> = {
      rules: this.#rulesFor(socket),
      pending: undefined,
      app: undefined,
      isIntroduced: false,
    };
    this.#known.set(socket, connection);
    connection.pending = this.#check?.(socket).then((isServed) => {
      connection.pending = undefined;
      if (!isServed) socket.destroy();
      return isServed;
    });
    return connection;
  }
}
