/** From the checked file to what the server runs on: one form for every spelling, frozen. */
import { resolve } from "node:path";
import { isLoopbackName, Secret } from "@smcp/core";
import { backendId } from "./check-backends.ts";
import { bare, listenHost } from "./listen.ts";
import type { ServerFile } from "./schema.ts";
import { DEFAULT_ALGORITHMS } from "./sections/sign-in.ts";
import type {
  Backend,
  BackendCommon,
  ClaimRules,
  HttpBackend,
  Issuer,
  ListenSettings,
  ServerSettings,
  StdioBackend,
  TlsSettings,
} from "./settings.ts";

/** What the file alone does not say. */
export interface Setting {
  readonly cwd: string;
  readonly mode: "none" | "oidc";
  /** True when `auth.mode` was written out or given as a flag. */
  readonly isModeGiven: boolean;
  readonly hasCallers: boolean;
  readonly warnings: readonly string[];
}

/** Builds the settings; everything in them is frozen. */
export function normalise(file: ServerFile, setting: Setting): ServerSettings {
  const server = listenSettings(file, setting);
  const { cwd } = setting;
  const settings: ServerSettings = {
    server,
    auth: { mode: setting.mode, ...(file.oidc.dpop_nonces && { dpopNonces: true }) },
    backends: backends(file, cwd),
    issuers: file.oidc.issuers.map((one) => issuer(one, file, cwd)),
    metrics: { enabled: file.metrics.enabled, path: file.metrics.path },
    client: {
      ...(file.client?.client_id !== undefined && { clientId: file.client.client_id }),
      flows: file.client?.flows ?? [],
      ...(file.client?.scopes !== undefined && { scopes: file.client.scopes }),
    },
    warnings: [...setting.warnings, ...warnings(file, server, setting)],
  };
  return freeze(settings);
}

function listenSettings(file: ServerFile, { cwd, mode, isModeGiven }: Setting): ListenSettings {
  const { server, listen } = file;
  const written = bare(listen === undefined ? (server.host ?? "") : listenHost(listen));
  const fallback = mode === "none" && !isModeGiven ? "127.0.0.1" : "0.0.0.0";
  return {
    host: written === "" ? fallback : written,
    port: listen === undefined ? server.port : Number(listen.slice(listen.lastIndexOf(":") + 1)),
    readTimeout: server.read_timeout,
    writeTimeout: server.write_timeout,
    shutdownTimeout: server.shutdown_timeout,
    ...(server.public_url !== undefined && { publicUrl: server.public_url }),
    trustedProxies: server.trusted_proxies,
    maxBody: server.max_body,
    maxStreams: server.max_streams,
    allowedOrigins: server.allowed_origins,
    allowedHosts: server.allowed_hosts,
    ...(server.session_key !== undefined && { sessionKey: new Secret(server.session_key) }),
    ...(file.tls.enabled && { tls: tlsSettings(file, cwd) }),
  };
}

function tlsSettings({ tls }: ServerFile, cwd: string): TlsSettings {
  return {
    certFile: resolve(cwd, tls.cert_file),
    keyFile: resolve(cwd, tls.key_file),
    ...fileAt("clientCaFile", tls.client_ca_file, cwd),
    clientAuth: tls.client_auth ?? "require",
  };
}

function fileAt<K extends string>(key: K, file: string | undefined, cwd: string): { readonly [P in K]?: string } {
  return (file === undefined ? {} : { [key]: resolve(cwd, file) }) as { readonly [P in K]?: string };
}

type BackendFile = ServerFile["mcp"]["backends"][number] | ServerFile["servers"][string];
type CommandFile = NonNullable<BackendFile["stdio"]>;

function backends(file: ServerFile, cwd: string): Backend[] {
  const found: Backend[] = [];
  const add = (one: BackendFile, id: string, path: string): void => {
    const timeout = one.timeout ?? file.mcp.timeout;
    const { model, max_tokens: maxTokens } = one;
    const common = { id, name: one.name ?? id, path, stripPath: one.strip_path, timeout, model, maxTokens };
    found.push(one.url === undefined ? stdio(common, one, cwd) : http(common, { ...one, url: one.url }, cwd));
  };
  for (const one of file.mcp.backends) add(one, one.id ?? backendId(one.name ?? ""), one.path);
  for (const [id, one] of Object.entries(file.servers)) add(one, id, one.path ?? `/mcp/${id}`);
  return found;
}

function http(common: BackendCommon, one: BackendFile & { readonly url: string }, cwd: string): HttpBackend {
  const url = new URL(one.url);
  const sse = url.pathname.endsWith("/sse");
  const tls = {
    ...fileAt("caFile", one.ca_file, cwd),
    ...fileAt("certFile", one.client_cert_file, cwd),
    ...fileAt("keyFile", one.client_key_file, cwd),
  };
  const hasTls = Object.keys(tls).length > 0;
  return { ...common, kind: "http", url, sse, forwardHeaders: one.forward_headers, ...(hasTls && { tls }) };
}

function stdio(common: BackendCommon, one: BackendFile, cwd: string): StdioBackend {
  const command: CommandFile = one.stdio ?? (one as CommandFile);
  return {
    ...common,
    kind: "stdio",
    command: command.command ?? "",
    args: command.args,
    env: new Map(Object.entries(command.env)),
    workingDir: resolve(cwd, command.working_dir),
    stdioTimeout: command.stdio_timeout ?? common.timeout,
    idleTtl: one.idle_ttl,
    maxChildren: one.max_children,
    era: one.era ?? "auto",
    // The modern era has no sessions: who asks for one child each gets one for each caller there.
    isolation: one.isolation === "shared" ? "shared" : "principal",
  };
}

function issuer(one: ServerFile["oidc"]["issuers"][number], { oidc }: ServerFile, cwd: string): Issuer {
  const audiences = oidc.audience.filter((audience) => audience !== "");
  if (typeof one === "string") {
    return {
      issuer: one,
      audiences,
      algorithms: DEFAULT_ALGORITHMS,
      tokenTyp: "compat",
      groupsClaim: "groups",
      allowedClients: [],
      requiredClaims: rules(oidc.required_claims),
      optionalClaims: rules(oidc.optional_claims),
    };
  }
  return {
    issuer: one.issuer,
    audiences: one.audience?.filter((audience) => audience !== "") ?? audiences,
    algorithms: one.algorithms,
    ...(one.jwks_uri !== "" && { jwksUri: one.jwks_uri }),
    ...fileAt("caFile", one.ca_file, cwd),
    tokenTyp: one.token_typ,
    groupsClaim: one.groups_claim,
    allowedClients: one.allowed_clients,
    requiredClaims: rules(oidc.required_claims, one.required_claims),
    optionalClaims: rules(oidc.optional_claims, one.optional_claims),
  };
}

// An issuer's own rule on a claim takes the place of the general one.
function rules(general: Record<string, unknown>, own: Record<string, unknown> = {}): ClaimRules {
  return new Map([...Object.entries(general), ...Object.entries(own)]);
}

function warnings(file: ServerFile, server: ListenSettings, { mode, isModeGiven, hasCallers }: Setting): string[] {
  const found: string[] = [];
  if (mode === "none") {
    const who = isLoopbackName(server.host) ? "every program on this machine" : "everybody who can reach this address";
    const why = isModeGiven ? "auth.mode is none" : "nobody who could sign in is configured";
    found.push(`${why}: ${who} may use every backend`);
    if (hasCallers) found.push("auth.mode is none: credentials that callers present are ignored");
  } else if (file.roles === undefined && file.policies === undefined) {
    found.push("neither roles nor policies are configured: every authenticated caller may use every backend");
  }
  if (file.mcp.endpoints.length > 0) found.push('"mcp.endpoints" is deprecated and not served: list them as backends');
  if (file.mcp.backends.length + Object.keys(file.servers).length === 0) found.push("no backend is configured");
  return found;
}

/** Freezes plain objects and lists all the way down; a URL, a map and a secret stay what they are. */
export function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  const proto: unknown = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== Array.prototype) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}
