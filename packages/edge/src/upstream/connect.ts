/** Opens one connection to an upstream: TCP or TLS, bounded in time. */
import { connect as connectTcp, isIP, type Socket, type TcpSocketConnectOpts } from "node:net";
import { connect as connectTls, type ConnectionOptions, type SecureContext } from "node:tls";

import type { Duration } from "@smcp/core";

import type { Trust } from "../certificates.ts";

export interface ConnectOptions {
  readonly origin: URL;
  readonly timeout: Duration;
  readonly trust: Trust | undefined;
}

/** What a connection that is being opened tells. */
export interface ConnectListener {
  onOpen(): void;
  /** Bytes that came; those that are lent are overwritten after the call. */
  onBytes(bytes: Buffer, isLent: boolean): void;
}

/** Opens a connection to one origin. That it could not be opened is told by the socket's `error`. */
export type Connect = (listener: ConnectListener) => Socket;

/** Probes a silent connection this often, so that a peer that is gone is noticed. */
const PROBE: Duration = 60_000;

// Every bare connection reads into it in turn: nothing of it outlives the call that it is handed to.
const shared = Buffer.allocUnsafeSlow(64 * 1_024);

/** Builds the opener of connections to one origin. */
export function connector({ origin, timeout, trust }: ConnectOptions): Connect {
  const isTls = origin.protocol === "https:";
  const host = origin.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = Number(origin.port || (isTls ? 443 : 80));
  const common = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: PROBE };
  const open = isTls
    ? tlsOpener({ ...common, ...(isIP(host) === 0 && { servername: host }) }, trust)
    : tcpOpener(common);
  return (listener) => {
    const socket = open(listener);
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeout} ms`)), timeout);
    socket.once("close", () => clearTimeout(timer));
    socket.once(isTls ? "secureConnect" : "connect", () => {
      clearTimeout(timer);
      listener.onOpen();
    });
    return socket;
  };
}

function tcpOpener(to: TcpSocketConnectOpts): Connect {
  return (listener) => {
    const callback = (size: number, bytes: Uint8Array): boolean => {
      listener.onBytes((bytes as Buffer).subarray(0, size), true);
      return true;
    };
    return connectTcp({ ...to, onread: { buffer: shared, callback } });
  };
}

/** Node lends no buffer with TLS: each read is one of its own. */
function tlsOpener(to: ConnectionOptions, trust: Trust | undefined): Connect {
  const sessions = new Sessions();
  return (listener) => {
    const context = trust?.context();
    const socket = connectTls({
      ...to,
      ALPNProtocols: ["http/1.1"],
      ...(context && { secureContext: context }),
      ...sessions.options(context),
    });
    socket.on("session", (session: Buffer) => sessions.keep(context, session));
    socket.on("data", (bytes: Buffer) => listener.onBytes(bytes, false));
    return socket;
  };
}

/** The last TLS session, to be resumed; one that began under other certificates is not. */
class Sessions {
  #context: SecureContext | undefined;
  #last: Buffer | undefined;

  keep(context: SecureContext | undefined, session: Buffer): void {
    this.#context = context;
    this.#last = session;
  }

  options(context: SecureContext | undefined): { readonly session?: Buffer } {
    return this.#last && this.#context === context ? { session: this.#last } : {};
  }
}
