/** Connections to one upstream: undici's pool with every default that would cut a stream switched off. */
import { Pool } from "undici";

import type { Duration } from "@smcp/core";

/**
 * Opens a pool for one origin. It bounds connecting only: how long an answer may take is the relay's own limit, and how
 * many streams may be open is the caller's.
 *
 * @param ca certificates to trust instead of the system's, in PEM
 */
export function openPool(origin: string, connectTimeout: Duration, ca?: readonly string[]): Pool {
  return new Pool(origin, {
    // A limit on connections would be a limit on open streams: the next request would wait for ever.
    connections: null,
    pipelining: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 30_000,
    maxHeaderSize: 64 * 1_024,
    connect: { timeout: connectTimeout, ...(ca && { ca: [...ca] }) },
  });
}
