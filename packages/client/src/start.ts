/** Builds a client from its settings and starts it. */
import type { Readable, Writable } from "node:stream";

import type { ClientSettings } from "@smcp/config";
import type { Log } from "@smcp/core";
import { openGate, openTrust, type Trust } from "@smcp/edge";

import { openGateway, type Gateway } from "./gateway.ts";
import { localRules } from "./local-rules.ts";
import { openLoopback } from "./loopback.ts";
import { Metrics } from "./metrics.ts";
import { serve, type ServeRules } from "./serve.ts";
import { startBridge } from "./stdio/bridge.ts";
import { chooseTokens } from "./tokens/choose.ts";

/** A running client. */
export interface Client {
  /** Where apps reach it; with `--stdio`, the address at the server that stdin and stdout speak to. */
  readonly url: string;
  /** Ends when the client has ended: by `close`, or with `--stdio` when its input ended. Never rejects. */
  readonly done: Promise<void>;
  /** Stops: what is under way may finish within the shutdown time-out. */
  close(): Promise<void>;
}

/** The streams that `--stdio` speaks on. */
export interface ClientStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
}

const MAX_CONNECTIONS = 1_024;

/**
 * Starts the client. Neither the server nor the issuer is asked anything before the first request.
 *
 * @param io needed where the settings have a `stdioPath`
 * @throws {Failure} for settings that cannot be used (2) or an address that is taken (1)
 */
export async function startClient(settings: ClientSettings, log: Log, io?: ClientStreams): Promise<Client> {
  const trust = trustOf(settings, log);
  const metrics = new Metrics();
  const tokens = chooseTokens(settings, {
    log,
    trust,
    attempted: (refusal) => metrics.refresh(refusal === undefined),
  });
  const gateway = openGateway(settings, { tokens, metrics, log, trust });
  if (settings.stdioPath === undefined) return listen(settings, gateway);
  if (!io) throw new TypeError("a client on stdio needs its streams");
  return startBridge(gateway, {
    ...io,
    path: settings.stdioPath,
    maxBody: settings.maxBody,
    grace: settings.shutdownTimeout,
  });
}

function trustOf({ caFile }: ClientSettings, log: Log): Trust | undefined {
  return caFile === undefined ? undefined : openTrust({ caFile, isCaExtra: true, named: "--ca-file" }, log);
}

async function listen(settings: ClientSettings, gateway: Gateway): Promise<Client> {
  const rules = rulesAtPort(settings);
  const listeners = await openLoopback({
    host: settings.host,
    port: settings.port,
    readTimeout: settings.readTimeout,
    writeTimeout: settings.writeTimeout,
    maxConnections: MAX_CONNECTIONS,
    tls: settings.tls && { ...settings.tls, named: "--tls-cert and --tls-key" },
    log: gateway.log,
    // The port is asked of the socket: a free one is known only once it is listened on.
    handle: (incoming, _, reply) => serve(gateway, rules(incoming.socket.localPort ?? 0), incoming, reply),
  });
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const close = async (): Promise<void> => {
    await Promise.all(listeners.map((one) => one.close(settings.shutdownTimeout)));
    await gateway.pool.destroy();
    resolve();
  };
  let closing: Promise<void> | undefined;
  const url = `${settings.tls ? "https" : "http"}://${settings.host}:${listeners[0]?.port}`;
  return { url, done, close: () => (closing ??= close()) };
}

function rulesAtPort(settings: ClientSettings): (port: number) => ServeRules {
  const { host, allowHosts, allowOrigins, maxBody, metrics, tls } = settings;
  const metricsPath = metrics.enabled ? metrics.path : undefined;
  let last: { readonly port: number; readonly rules: ServeRules } | undefined;
  return (port) => {
    if (last?.port !== port) {
      const gate = openGate(localRules({ host, port, defaultPort: tls ? 443 : 80 }, allowHosts, allowOrigins));
      last = { port, rules: { gate, maxBody, metricsPath } };
    }
    return last.rules;
  };
}
