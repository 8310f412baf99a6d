/** Builds a client from its settings and starts it. */
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";

import type { ClientSettings } from "@smcp/config";
import { Failure, isLoopbackName, type Log } from "@smcp/core";
import { openGate } from "@smcp/edge";

import type { Client } from "./client.ts";
import { openEndpoint, type Endpoint } from "./endpoint.ts";
import { openGateway, type Gateway, type GatewayParts } from "./gateway.ts";
import { localRules, type OwnAddress } from "./local-rules.ts";
import { LocalSecret } from "./local-secret.ts";
import { Connections } from "./local/connections.ts";
import { openPeerCheck, type PeerCheck } from "./local/peers.ts";
import { LocalSessions } from "./local/sessions.ts";
import { Metrics } from "./metrics.ts";
import type { Person } from "./sign-in/person.ts";
import { serve, type ServeRules } from "./serve.ts";
import { Board } from "./status/board.ts";
import { clientAt, describeClient, StatusFile } from "./status/running.ts";
import { startBridge } from "./stdio/bridge.ts";
import { chooseTokens } from "./tokens/choose.ts";
import { trustOf } from "./trust.ts";

/** The streams that `--stdio` speaks on. */
export interface ClientStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
}

const MAX_CONNECTIONS = 1_024;
/** How a socket that listens on all addresses of both families writes one of the old family. */
const IPV4_IN_IPV6 = /^::ffff:(?=\d+\.)/i;

/**
 * Starts the client. Neither the server nor the issuer is asked anything before the first request.
 *
 * @param io needed where the settings have a `stdioPath`
 * @param person who may be asked to sign in; left out: what to do is only logged
 * @throws {Failure} for settings that cannot be used (2) or an address that is taken (1)
 */
export async function startClient(
  settings: ClientSettings,
  log: Log,
  io?: ClientStreams,
  person?: Person,
): Promise<Client> {
  const trust = trustOf(settings, log);
  const metrics = new Metrics();
  const stop = new AbortController();
  const tokens = await chooseTokens(settings, {
    log,
    trust,
    person,
    signal: stop.signal,
    attempted: (refusal) => metrics.refresh(refusal === undefined),
  });
  const client = await startWith(settings, { tokens, metrics, log, trust }, io);
  void client.done.then(() => stop.abort());
  return {
    ...client,
    close: () => {
      stop.abort();
      return client.close();
    },
  };
}

/** Starts the client with tokens that somebody else chose. */
export async function startWith(
  settings: ClientSettings,
  parts: Omit<GatewayParts, "board">,
  io?: ClientStreams,
): Promise<Client> {
  let file: StatusFile | undefined;
  const board = new Board(() => file?.touch());
  const gateway = openGateway(settings, { ...parts, board });
  const client = await open(settings, gateway, io);
  const about = { client, settings, gateway, startedAt: Date.now() };
  file = new StatusFile(settings.stateFolder, parts.log, () => describeClient(about));
  await file.open();
  const done = client.done.then(() => file.close());
  return { url: client.url, done, close: () => client.close().then(() => done) };
}

async function open(settings: ClientSettings, gateway: Gateway, io: ClientStreams | undefined): Promise<Client> {
  if (settings.stdioPath === undefined) return listen(settings, gateway);
  if (!io) throw new TypeError("a client on stdio needs its streams");
  return startBridge(gateway, {
    ...io,
    path: settings.stdioPath,
    maxBody: settings.maxBody,
    grace: settings.shutdownTimeout,
    isSignInPossible: settings.authMode !== "none",
  });
}

async function listen(settings: ClientSettings, gateway: Gateway): Promise<Client> {
  const local = settings.authMode === "none" ? undefined : new LocalSessions(gateway);
  const rulesFor = rulesOf(settings, local);
  const connections = new Connections(rulesFor, await openPeers(settings, gateway.log));
  const { url, listeners } = await openPlace(settings, {
    readTimeout: settings.readTimeout,
    writeTimeout: settings.writeTimeout,
    maxConnections: MAX_CONNECTIONS,
    tls: settings.tls && { ...settings.tls, named: "--tls-cert and --tls-key" },
    log: gateway.log,
    connected: (socket) => void connections.of(socket),
    handle: (incoming, _, reply) => {
      const connection = connections.of(incoming.socket);
      const { pending } = connection;
      if (!pending) return serve(gateway, connection, incoming, reply);
      return pending.then((isServed) => (isServed ? serve(gateway, connection, incoming, reply) : undefined));
    },
  });
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const close = async (): Promise<void> => {
    local?.close();
    await Promise.all(listeners.map((one) => one.close(settings.shutdownTimeout)));
    gateway.pool.destroy();
    resolve();
  };
  let closing: Promise<void> | undefined;
  return { url, done, close: () => (closing ??= close()) };
}

/** @throws {Failure} for a place that is taken: told by whom, where it is one of ours */
async function openPlace(settings: ClientSettings, options: Parameters<typeof openEndpoint>[1]): Promise<Endpoint> {
  try {
    return await openEndpoint(settings, options);
  } catch (error) {
    const other = await clientAt(settings);
    if (!other) throw error;
    const message = `another smcp client (pid ${other.pid}) has ${other.url} already, for ${other.server}`;
    throw new Failure(message, "use that one, stop it, or choose another place with --port or --listen");
  }
}

async function openPeers(settings: ClientSettings, log: Log): Promise<PeerCheck | undefined> {
  const { socketPath, host, localSecret, requirePeerUid: isRequired } = settings;
  // Nobody else can open the socket.
  if (socketPath !== undefined) return undefined;
  // Whoever was given the secret is meant to be served, a sidecar under another user say.
  if (localSecret && !isRequired) return undefined;
  return openPeerCheck({ host, isRequired, log });
}

/** The rules for a connection. The port is asked of its socket: a free one is known only once it is listened on. */
function rulesOf(settings: ClientSettings, local: LocalSessions | undefined): (socket: Socket) => ServeRules {
  const { allowHosts, allowOrigins, forwardHeaders, maxBody, metrics, tls, localSecret } = settings;
  const metricsPath = metrics.enabled ? metrics.path : undefined;
  const secret = localSecret && new LocalSecret(localSecret);
  const build = (own: OwnAddress | undefined): ServeRules => {
    const gate = openGate(localRules(own, allowHosts, allowOrigins));
    return { gate, forwardHeaders, maxBody, metricsPath, secret, local };
  };
  if (settings.socketPath !== undefined) {
    const rules = build(undefined);
    return () => rules;
  }
  const { host } = settings;
  const hasOthers = !isLoopbackName(host);
  let last: { readonly address: string; readonly port: number; readonly rules: ServeRules } | undefined;
  return ({ localAddress = "", localPort: port = 0 }) => {
    const address = hasOthers ? localAddress.replace(IPV4_IN_IPV6, "") : host;
    if (last?.port !== port || last.address !== address) {
      last = { address, port, rules: build({ host, address, port, defaultPort: tls ? 443 : 80 }) };
    }
    return last.rules;
  };
}
