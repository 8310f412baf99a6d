/** Connections to one upstream: undici's pool with every default that would cut a stream switched off. */
import type { SecureContext } from "node:tls";

import { buildConnector, Pool } from "undici";

import type { Duration } from "@smcp/core";

import type { Trust } from "./certificates.ts";

/**
 * Opens a pool for one origin. It bounds connecting only: how long an answer may take is the relay's own limit, and how
 * many streams may be open is the caller's.
 *
 * @param trust whom to trust instead of the system's authorities, and one's own certificate
 */
export function openPool(origin: string, connectTimeout: Duration, trust?: Trust): Pool {
  return new Pool(origin, {
    // A limit on connections would be a limit on open streams: the next request would wait for ever.
    connections: null,
    pipelining: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 30_000,
    maxHeaderSize: 64 * 1_024,
    connect: trust ? trustingConnector(trust, connectTimeout) : { timeout: connectTimeout },
  });
}

function trustingConnector(trust: Trust, timeout: Duration): buildConnector.connector {
  let last: { readonly context: SecureContext; readonly connect: buildConnector.connector } | undefined;
  return (options, callback) => {
    const context = trust.context();
    // Another connector after a change: it remembers TLS sessions, which would be resumed without a look at the new files.
    if (last?.context !== context) {
      last = { context, connect: buildConnector({ timeout, allowH2: false, secureContext: context }) };
    }
    last.connect(options, callback);
  };
}
