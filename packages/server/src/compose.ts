/** Builds a server's parts from its settings: the only place that knows all of them. Handles no request itself. */
import { resolve } from "node:path";

import type { ServerSettings } from "@smcp/config";
import { systemClock, type Log } from "@smcp/core";

import { Callers } from "./auth/callers.ts";
import { TokenValidator } from "./auth/validator.ts";
import { journey, type Journey } from "./exchange/pipeline.ts";
import type { Parts } from "./parts.ts";
import { Metrics } from "./record/metrics.ts";
import { RouteTable, type Route } from "./routes.ts";
import { Seal } from "./seal.ts";
import { sessionKey } from "./session-key.ts";
import { httpUpstream } from "./upstream/http.ts";
import { stdioUpstream, type StdioUpstream } from "./upstream/stdio.ts";

/** What a server is made of. */
export interface Composition {
  readonly parts: Parts;
  readonly journey: Journey;
  readonly validator: TokenValidator | undefined;
  readonly metrics: Metrics;
  close(): Promise<void>;
}

export interface ComposeOptions {
  /** Where the server keeps what must outlive it. Default: `smcp-data` in the working directory. */
  readonly dataFolder?: string;
  /** The environment that stdio children may inherit a few names of. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
}

export async function compose(settings: ServerSettings, log: Log, options: ComposeOptions): Promise<Composition> {
  const asksCallers = settings.auth.mode === "oidc";
  const validator = asksCallers ? new TokenValidator(settings.issuers, systemClock, log) : undefined;
  const key = asksCallers
    ? await sessionKey(settings.server.sessionKey, resolve(options.dataFolder ?? "smcp-data"), log)
    : undefined;
  const bridges = new Map<string, StdioUpstream>();
  const routes: Route[] = settings.backends.map((backend) => {
    if (backend.kind === "http") return { backend, upstream: httpUpstream(backend, log) };
    const bridge = stdioUpstream(backend, log, options.env);
    bridges.set(backend.id, bridge);
    return { backend, upstream: bridge };
  });
  const parts: Parts = {
    settings,
    routes: new RouteTable(routes),
    callers: new Callers(validator),
    seal: key && new Seal(key),
  };
  const metrics = new Metrics(options.version, settings.backends, {
    keyAges: () => validator?.ages() ?? new Map(),
    stdio: () => bridges,
  });
  validator?.start();
  return {
    parts,
    journey: journey(parts),
    validator,
    metrics,
    async close() {
      validator?.close();
      await Promise.all(routes.map(({ upstream }) => upstream.close()));
    },
  };
}
