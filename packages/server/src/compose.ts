/** Builds a server's parts from its settings: the only place that knows all of them. Handles no request itself. */
import { randomBytes } from "node:crypto";
import { resolve } from "node:path";

import type { Backend, ServerSettings } from "@smcp/config";
import { systemClock, type Log } from "@smcp/core";

import { Callers } from "./auth/callers.ts";
import { ProofJudge } from "./auth/dpop.ts";
import { Nonces } from "./auth/dpop-nonce.ts";
import type { TokenValidator } from "./auth/validator.ts";
import { journey, type Journey } from "./exchange/pipeline.ts";
import type { Parts } from "./parts.ts";
import type { Closable } from "./reload-holdings.ts";
import { isSame } from "./reload-same.ts";
import { RouteTable, type Route } from "./routes.ts";
import { Seal } from "./seal.ts";
import { sessionKey } from "./session-key.ts";
import { OpenStreams } from "./stages/streams.ts";
import { httpUpstream } from "./upstream/http.ts";
import { stdioUpstream, type StdioUpstream } from "./upstream/stdio/bridge.ts";
import type { Upstream } from "./upstream/upstream.ts";

/** What a server is made of. */
export interface Composition {
  readonly parts: Parts;
  readonly journey: Journey;
  readonly validator: TokenValidator | undefined;
  readonly sessionKey: Buffer | undefined;
  readonly bridges: ReadonlyMap<string, StdioUpstream>;
  /** What must be closed once neither this composition nor one after it uses it. */
  readonly held: readonly Closable[];
}

export interface ComposeOptions {
  /** Where the server keeps what must outlive it. Default: `smcp-data` in the working directory. */
  readonly dataFolder?: string;
  /** The environment that stdio children may inherit a few names of. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
}

/**
 * Builds from `settings`; what did not change is taken over from the composition `before`, with all that is open in it.
 *
 * @throws Failure when a key or a certificate in a file cannot be used
 */
export async function compose(
  settings: ServerSettings,
  log: Log,
  options: ComposeOptions,
  before?: Composition,
): Promise<Composition> {
  const asksCallers = settings.auth.mode === "oidc";
  const key = needsKey(settings) ? await keyOf(settings, log, options, before) : undefined;
  const validator = asksCallers ? await validatorOf(settings, log, before) : undefined;
  const bridges = new Map<string, StdioUpstream>();
  const routes: Route[] = settings.backends.map((backend) => {
    if (backend.kind === "http") return { backend, upstream: kept(backend, before) ?? httpUpstream(backend, log) };
    const bridge = keptBridge(backend, before) ?? stdioUpstream(backend, log, options.env);
    bridges.set(backend.id, bridge);
    return { backend, upstream: bridge };
  });
  // What was used once stays used over a reload.
  const proofs = before?.parts.proofs ?? new ProofJudge(systemClock);
  const parts: Parts = {
    settings,
    routes: new RouteTable(routes),
    callers: new Callers(validator, proofs, noncesOf(settings, key)),
    proofs,
    seal: key && new Seal(key),
    openStreams: before?.parts.openStreams ?? new OpenStreams(),
  };
  // Only now that nothing can fail any more: nobody would stop it.
  if (validator !== before?.validator) validator?.start();
  const held = [...routes.map(({ upstream }) => upstream), ...(validator ? [validator] : [])];
  return { parts, journey: journey(parts), validator, sessionKey: key, bridges, held };
}

/** Session ids are bound to callers who are asked who they are, endpoints of 2024-11-05 to whoever it is. */
function needsKey({ auth, backends }: ServerSettings): boolean {
  return auth.mode === "oidc" || backends.some((one) => one.kind === "http" && one.sse);
}

/** Replicas that share a session key share their nonces. */
function noncesOf({ auth }: ServerSettings, key: Buffer | undefined): Nonces | undefined {
  return auth.dpopNonces === true && key ? new Nonces(key, systemClock) : undefined;
}

function keyOf(
  { auth, server }: ServerSettings,
  log: Log,
  { dataFolder = "smcp-data" }: ComposeOptions,
  before: Composition | undefined,
): Buffer | Promise<Buffer> {
  const old = before?.sessionKey;
  const was = before?.parts.settings;
  // One that could not be kept in the data folder lives here alone: reading again would end every session.
  if (old && auth.mode === was?.auth.mode && isSame(was.server.sessionKey, server.sessionKey)) return old;
  // Endpoints end with their streams, and those with this process: nothing is worth being kept.
  if (auth.mode === "none" && !server.sessionKey) return randomBytes(32);
  return sessionKey(server.sessionKey, resolve(dataFolder), log);
}

async function validatorOf(
  { issuers }: ServerSettings,
  log: Log,
  before: Composition | undefined,
): Promise<TokenValidator> {
  const old = before?.validator;
  if (old && isSame(before.parts.settings.issuers, issuers)) return old;
  // What verifies signatures is a library of its own: a server that asks nobody starts without it.
  const { TokenValidator } = await import("./auth/validator.ts");
  return new TokenValidator(issuers, systemClock, log);
}

function kept(backend: Backend, before: Composition | undefined): Upstream | undefined {
  for (const route of before?.parts.routes ?? []) {
    if (route.backend.id === backend.id)
      return isSame(asSent(route.backend), asSent(backend)) ? route.upstream : undefined;
  }
  return undefined;
}

function keptBridge(backend: Backend, before: Composition | undefined): StdioUpstream | undefined {
  return kept(backend, before) && before?.bridges.get(backend.id);
}

/** What an upstream is made from: the rest of a backend is told to callers only, and read from the route. */
function asSent({ name: _name, model: _model, maxTokens: _maxTokens, ...sent }: Backend): object {
  return sent;
}
