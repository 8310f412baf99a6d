/** A listening HTTP server with every limit set: Node's defaults are for trusted networks. */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

import { describeError, Failure, refuse, toWire, type Duration, type Log, type Refusal } from "@smcp/core";

import { Desk } from "./desk.ts";
import { judgeFraming } from "./framing.ts";
import { Reply } from "./reply.ts";
import { Place } from "./ring.ts";
import { createSecureServer, type ListenerTls } from "./secure-server.ts";
import { Turns } from "./turns.ts";

export interface ListenerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** A unix socket to listen on instead, for this user alone. Nothing may be there yet. */
  readonly path?: string | undefined;
  /** For a whole request to arrive, headers and body. */
  readonly readTimeout: Duration;
  /** How long one write may be blocked. */
  readonly writeTimeout: Duration;
  /** Connections at once; more are closed. Default: no limit. */
  readonly maxConnections?: number;
  /** Speak TLS with this. Absent: plain HTTP. */
  readonly tls?: ListenerTls | undefined;
  readonly log: Log;
  /** Called for every connection, with TLS once that is agreed on. */
  readonly connected?: (socket: Socket) => void;
  /** Called for every request that Node's parser let through; throws only on a bug. */
  handle(incoming: IncomingMessage, outgoing: ServerResponse, reply: Reply): void | Promise<void>;
}

export interface Listener {
  readonly host: string;
  /** 0 on a unix socket. */
  readonly port: number;
  /** Stops accepting, lets answers finish for at most `grace`, then cuts what is left. */
  close(grace: Duration): Promise<void>;
}

/** Longest header block, in bytes: Node's parser and Envoy's advice agree on 16 KiB. */
const MAX_HEADER_BYTES = 16 * 1_024;
const MAX_HEADERS = 100;

/** Listens, or throws a {@link Failure} that names the address or the certificate's file. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const desk = new Desk(options.writeTimeout);
  const open = new Place<Reply>(undefined);
  const nextId = requestIds();
  const serve = (incoming: IncomingMessage, outgoing: ServerResponse, isAwaited = false, early?: Refusal): void => {
    const reply = new Reply(incoming, outgoing, desk, nextId());
    reply.isAwaited = isAwaited;
    const place = new Place(reply);
    place.enter(open);
    reply.onClosed(() => place.leave());
    const malformed = judgeFraming(incoming);
    reply.isLast = malformed !== undefined;
    const refusal = malformed ?? early;
    if (refusal) reply.refuse(refusal);
    else if (incoming.rawHeaders.length > MAX_HEADERS * 2) reply.refuse(refuse("HEADERS_TOO_LARGE"));
    else handleSafely(options, incoming, outgoing, reply);
  };
  const turns = new Turns();
  const arrive: typeof serve = (incoming, outgoing, isAwaited, early) => {
    const { socket } = incoming;
    if (outgoing.socket === null) turns.wait(socket, outgoing, () => serve(incoming, outgoing, isAwaited, early));
    else if (!socket.writableEnded) serve(incoming, outgoing, isAwaited, early);
  };
  const { server, release } = createFor(options);
  server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => arrive(incoming, outgoing));
  // One more than allowed is let through, so that the surplus is seen instead of silently cut.
  server.maxHeadersCount = MAX_HEADERS + 1;
  if (options.maxConnections !== undefined) server.maxConnections = options.maxConnections;
  server.on("checkContinue", (incoming: IncomingMessage, outgoing: ServerResponse) =>
    arrive(incoming, outgoing, true, judgeExpectation(incoming)),
  );
  server.on("checkExpectation", (incoming: IncomingMessage, outgoing: ServerResponse) =>
    arrive(incoming, outgoing, false, refuse("EXPECTATION_UNKNOWN")),
  );
  server.on("clientError", brokenRequests());
  if (options.connected) server.on(options.tls ? "secureConnection" : "connection", options.connected);
  try {
    await listen(server, options);
  } catch (error) {
    release();
    throw error;
  }
  const port = options.path === undefined ? (server.address() as AddressInfo).port : 0;
  return { host: options.host, port, close: (grace) => drain({ server, release }, desk, open, grace) };
}

/** A server and what it holds besides its sockets. */
interface Served {
  readonly server: Server;
  readonly release: () => void;
}

function createFor({ readTimeout, tls, log }: ListenerOptions): Served {
  const limits: ServerOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: Math.min(readTimeout, 10_000) || 10_000,
    requestTimeout: readTimeout,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: 65_000,
    requireHostHeader: false,
    joinDuplicateHeaders: false,
    // Whatever the command line of Node says.
    insecureHTTPParser: false,
    noDelay: true,
  };
  if (tls) return createSecureServer(limits, tls, log);
  return { server: createServer(limits), release: () => undefined };
}

/** Node looks for the one expectation that there is anywhere in the header. */
function judgeExpectation({ headers }: IncomingMessage): Refusal | undefined {
  return headers.expect?.toLowerCase() === "100-continue" ? undefined : refuse("EXPECTATION_UNKNOWN");
}

/** Ids that no other process gives and that cost no random numbers: a UUID of ours whose last part counts. */
function requestIds(): () => string {
  const prefix = randomUUID().slice(0, -12);
  let count = 0;
  return () => prefix + (++count).toString(16).padStart(12, "0");
}

function handleSafely(
  options: ListenerOptions,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  reply: Reply,
): void {
  const bug = (error: unknown): void => {
    const stack = error instanceof Error ? error.stack : String(error);
    options.log.error({ request_id: reply.requestId, stack }, "a request met a bug in smcp");
    reply.refuse(refuse("BUG"));
  };
  try {
    const pending = options.handle(incoming, outgoing, reply);
    if (pending) pending.catch(bug);
  } catch (error) {
    bug(error);
  }
}

function listen(server: Server, { host, port, path }: ListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(path === undefined ? listenFailure(error, host, port) : socketFailure(error, path));
    });
    const listening = (): void => {
      server.removeAllListeners("error");
      resolve();
    };
    if (path === undefined) server.listen({ host, port, exclusive: true }, listening);
    else listenPrivately(() => server.listen({ path, exclusive: true }, listening));
  });
}

/** The socket's file is made within this very call: it is nobody else's from its first moment. */
function listenPrivately(bind: () => void): void {
  const before = process.umask(0o177);
  try {
    bind();
  } finally {
    process.umask(before);
  }
}

function listenFailure(error: NodeJS.ErrnoException, host: string, port: number): Failure {
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  if (error.code === "EADDRINUSE") {
    return new Failure(
      `the address ${address} is taken by another program`,
      "stop that program, or choose another port with --port or server.port",
    );
  }
  if (error.code === "EACCES") {
    return new Failure(`no right to listen on ${address}`, "ports below 1024 need privileges: choose a higher one");
  }
  if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND") {
    return new Failure(
      `this machine has no address ${host}`,
      "listen on 127.0.0.1, 0.0.0.0 or an address of this machine",
    );
  }
  return new Failure(`cannot listen on ${address}: ${describeError(error)}`, "choose another host or port");
}

function socketFailure(error: NodeJS.ErrnoException, path: string): Failure {
  if (error.code === "EADDRINUSE") {
    return new Failure(`the socket "${path}" is taken by another program`, "stop that program, or choose another path");
  }
  return new Failure(`cannot listen on "${path}": ${describeError(error)}`, "choose a path in a folder of your own");
}

const PARSER_REFUSALS: Readonly<Record<string, Refusal>> = {
  ERR_HTTP_REQUEST_TIMEOUT: refuse("REQUEST_SLOW"),
  HPE_HEADER_OVERFLOW: refuse("HEADERS_TOO_LARGE"),
};

interface HttpSocket extends Socket {
  /** The answer that is written now; those of later requests wait. */
  readonly _httpMessage?: ServerResponse | null;
}

/** The caller is gone, in the middle of a request or not. */
const LEFT: ReadonlySet<string | undefined> = new Set(["ECONNRESET", "HPE_INVALID_EOF_STATE"]);

type BrokenRequest = (error: NodeJS.ErrnoException, socket: HttpSocket) => void;

/** What Node's parser refuses is answered in its turn: requests before it are whole, and theirs come first. */
function brokenRequests(): BrokenRequest {
  // Node tells of every further packet on such a connection.
  const waiting = new WeakSet<Socket>();
  const answer: BrokenRequest = (error, socket) => {
    const before = socket._httpMessage;
    if (before?.req.complete !== true) {
      answerBrokenRequest(error, socket);
    } else if (LEFT.has(error.code)) {
      socket.destroy();
    } else if (!waiting.has(socket)) {
      waiting.add(socket);
      before.once("close", () => {
        waiting.delete(socket);
        // An answer that ends its connection is the last word on it.
        if (!socket.writableEnded) answer(error, socket);
      });
    }
  };
  return answer;
}

/** Answers on the bare socket, with a request id. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: HttpSocket): void {
  if (!socket.writable || socket._httpMessage?.headersSent || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const requestId = randomUUID();
  const wire = toWire(PARSER_REFUSALS[error.code ?? ""] ?? refuse("REQUEST_MALFORMED"), requestId, undefined);
  const headers = Object.entries({
    ...wire.headers,
    "content-length": String(Buffer.byteLength(wire.body)),
    "x-request-id": requestId,
    connection: "close",
  });
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.end(`HTTP/1.1 ${wire.status} \r\n${head}\r\n${wire.body}`, () => socket.destroy());
}

async function drain({ server, release }: Served, desk: Desk, open: Place<Reply>, grace: Duration): Promise<void> {
  desk.isDraining = true;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const isBusy = (): boolean => open.values().some((reply) => !reply.isStanding);
  const until = performance.now() + grace;
  while (isBusy() && performance.now() < until) await wait(20);
  for (const reply of open.values()) reply.abort();
  server.closeAllConnections();
  release();
  await closed;
}
