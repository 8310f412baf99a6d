/** The server as the client sees it: where it is, how long it may take, who signs in there. */
import type { ClientSettings } from "@smcp/config";
import { formatDuration, type Duration, type Log, type Target } from "@smcp/core";
import { Deadlines, UpstreamPool, type Trust } from "@smcp/edge";

import type { Metrics } from "./metrics.ts";
import type { Board } from "./status/board.ts";
import type { Tokens } from "./tokens/tokens.ts";

/** Everything that a request on its way to the server needs. Lives as long as the client. */
export interface Gateway {
  readonly pool: UpstreamPool;
  readonly origin: string;
  /** Host and port, for messages. */
  readonly host: string;
  /** The server URL's own path, without a slash at its end: stands in front of every path. */
  readonly base: string;
  /** Bounds the wait for the server's headers. */
  readonly deadlines: Deadlines;
  /** Their length, as a person wrote it. */
  readonly limit: string;
  readonly tokens: Tokens;
  readonly metrics: Metrics;
  /** What the client knows of itself. */
  readonly board: Board;
  readonly log: Log;
}

/** The longest time that a timer can wait. */
const FOREVER: Duration = 2 ** 31 - 1;

/** What the gateway is made of besides the settings. */
export interface GatewayParts {
  readonly tokens: Tokens;
  readonly metrics: Metrics;
  readonly board: Board;
  readonly log: Log;
  /** Whom to trust besides the system's authorities. */
  readonly trust: Trust | undefined;
}

/** Opens the way to the server; connects to nothing yet. */
export function openGateway(settings: ClientSettings, parts: GatewayParts): Gateway {
  const { serverUrl, serverTimeout } = settings;
  const timeout = serverTimeout > 0 ? Math.min(serverTimeout, FOREVER) : FOREVER;
  // A little longer than the limit itself: what is slow is then told as slow, wherever it hangs.
  const connectTimeout = Math.min(timeout + 1_000, FOREVER);
  return {
    pool: new UpstreamPool(serverUrl.origin, connectTimeout, parts.trust),
    origin: serverUrl.origin,
    host: serverUrl.host,
    base: serverUrl.pathname.replace(/\/+$/, ""),
    deadlines: new Deadlines(timeout),
    limit: formatDuration(serverTimeout),
    tokens: parts.tokens,
    metrics: parts.metrics,
    board: parts.board,
    log: parts.log,
  };
}

/** The path and query at the server for a target here. */
export function pathAt(gateway: Gateway, target: Target): string {
  const path = gateway.base + target.path;
  return target.query === "" ? path : `${path}?${target.query}`;
}
