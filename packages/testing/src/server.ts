/** Starts a real server in this process, from the settings that a test names and defaults for the rest. */
import type { Backend, HttpBackend, Issuer, ServerSettings, StdioBackend } from "@smcp/config";
import type { Log } from "@smcp/core";
import { startServer } from "@smcp/server";

import { collectLog, type CollectedLine } from "./log.ts";

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly lines: readonly CollectedLine[];
}

/** What a test says of a server; everything else is the default. */
export interface ServerChoices {
  readonly backends?: readonly Backend[];
  readonly issuers?: readonly Issuer[];
  readonly server?: Partial<ServerSettings["server"]>;
  readonly dataFolder?: string;
  /** Proofs of possession need a nonce. */
  readonly dpopNonces?: boolean;
  readonly log?: Log;
  /** What the metadata tells `smcp client`. */
  readonly client?: ServerSettings["client"];
}

export function serverSettings(choices: ServerChoices): ServerSettings {
  const { backends = [], issuers = [], server = {}, client = { flows: [] } } = choices;
  return {
    server: {
      host: "127.0.0.1",
      port: 0,
      readTimeout: 30_000,
      writeTimeout: 30_000,
      shutdownTimeout: 200,
      trustedProxies: [],
      maxBody: 4 << 20,
      maxStreams: 1_000,
      allowedOrigins: [],
      allowedHosts: [],
      ...server,
    },
    auth: { mode: issuers.length > 0 ? "oidc" : "none", ...(choices.dpopNonces === true && { dpopNonces: true }) },
    backends,
    issuers,
    metrics: { enabled: true, path: "/metrics" },
    client,
    warnings: [],
  };
}

export async function startTestServer(choices: ServerChoices): Promise<TestServer> {
  const { log, lines } = collectLog();
  const options = choices.dataFolder === undefined ? {} : { dataFolder: choices.dataFolder };
  const server = await startServer(serverSettings(choices), choices.log ?? log, { env: process.env, ...options });
  return { url: server.url, lines, [Symbol.asyncDispose]: () => server.close() };
}

const COMMON = { stripPath: true, timeout: 5_000, model: "", maxTokens: 0 };

/** An HTTP backend at `/<id>`. */
export function httpBackend(id: string, url: string, more: Partial<HttpBackend> = {}): HttpBackend {
  const where = new URL(url);
  const sse = where.pathname.endsWith("/sse");
  return { ...COMMON, kind: "http", id, name: id, path: `/${id}`, url: where, sse, forwardHeaders: [], ...more };
}

/** A stdio backend at `/<id>`. */
export function stdioBackend(
  id: string,
  command: string,
  args: readonly string[],
  more: Partial<StdioBackend> = {},
): StdioBackend {
  return {
    ...COMMON,
    kind: "stdio",
    id,
    name: id,
    path: `/${id}`,
    command,
    args,
    env: new Map(),
    workingDir: process.cwd(),
    stdioTimeout: 20_000,
    idleTtl: 1_800_000,
    maxChildren: 64,
    era: "auto",
    isolation: "principal",
    ...more,
  };
}

/** An issuer whose tokens are good, with the defaults of a file that only names it. */
export function trust(issuer: string, more: Partial<Issuer> = {}): Issuer {
  return {
    issuer,
    audiences: ["api"],
    algorithms: ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"],
    tokenTyp: "compat",
    groupsClaim: "groups",
    allowedClients: [],
    requiredClaims: new Map(),
    optionalClaims: new Map(),
    ...more,
  };
}
