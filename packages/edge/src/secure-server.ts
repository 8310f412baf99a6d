/**
 * The TLS under a listener: a certificate from files, renewed while it listens, and, when told, the callers' own. Knows
 * nothing of requests.
 */
import type { ServerOptions } from "node:http";
import { createServer, type Server } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket, TlsOptions } from "node:tls";

import { describeError, type Duration, type Log } from "@smcp/core";

import { Certificates } from "./certificates.ts";
import { watchFolders } from "./watch-folders.ts";

/** How a listener speaks TLS. Files are in PEM. */
export interface ListenerTls {
  /** The certificate and its chain. */
  readonly certFile: string;
  /** Its key, without a password. */
  readonly keyFile: string;
  /** Authorities that callers' certificates must come from. Absent: callers are asked for none. */
  readonly clientCaFile?: string | undefined;
  /** `request` also lets in who shows none. Default: `require`. */
  readonly clientAuth?: "request" | "require" | undefined;
  /** What names the files, for hints. */
  readonly named: string;
}

/** A server that speaks TLS. */
export interface SecureServer {
  readonly server: Server;
  /** Cuts what is still open, half-made connections too, and watches no file any more. */
  readonly release: () => void;
}

/** For a whole handshake. */
const HANDSHAKE_TIME: Duration = 10_000;

/**
 * Builds the server; it does not listen yet.
 *
 * @throws Failure when a file is missing, unreadable or of another pair
 */
export function createSecureServer(limits: ServerOptions, tls: ListenerTls, log: Log): SecureServer {
  const { certFile, keyFile, clientCaFile, named } = tls;
  const certificates = new Certificates({ certFile, keyFile, caFile: clientCaFile, named });
  const options = (): TlsOptions => ({ ...certificates.texts, minVersion: "TLSv1.2" });
  const server = createServer({
    ...limits,
    ...options(),
    ALPNProtocols: ["http/1.1"],
    handshakeTimeout: HANDSHAKE_TIME,
    requestCert: clientCaFile !== undefined,
    rejectUnauthorized: clientCaFile !== undefined && tls.clientAuth !== "request",
  });
  const open = trackSockets(server);
  server.on("secureConnection", (socket: TLSSocket) => {
    if (isForged(socket)) refuseSocket(socket, "the caller's certificate is not good", log);
  });
  // First of all: what comes after would answer in HTTP on a connection that never spoke TLS.
  server.prependListener("tlsClientError", (error: Error, socket: TLSSocket) => {
    refuseSocket(socket, describeError(error), log);
  });
  certificates.describe(log, `${named} was read`);
  const files = [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])];
  const watching = watchFolders(files, () => {
    if (!certificates.refresh(log)) return;
    // Connections that are open keep what they were opened with.
    server.setSecureContext(options());
    certificates.describe(log, `${named} changed: new connections use it`);
  });
  return {
    server,
    release() {
      watching[Symbol.dispose]();
      for (const socket of open) socket.destroy();
    },
  };
}

/** Where a certificate is asked for but not needed, one that is shown must still be good. */
function isForged(socket: TLSSocket): boolean {
  return !socket.authorized && socket.getPeerX509Certificate() !== undefined;
}

function refuseSocket(socket: TLSSocket, reason: string, log: Log): void {
  const { authorizationError, remoteAddress } = socket;
  // Of type Error by its declaration, a code in fact.
  const why = authorizationError ? `${reason} (${String(authorizationError)})` : reason;
  // A probe that opens a connection and closes it is no news.
  const level = reason.includes("ECONNRESET") && !authorizationError ? "debug" : "info";
  log[level]({ address: remoteAddress, reason: why }, "a TLS connection was refused");
  socket.destroy();
}

/** Connections whose handshake is not over are known to nobody else, and would hold up the end. */
function trackSockets(server: Server): ReadonlySet<Socket> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  return open;
}
