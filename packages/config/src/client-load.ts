/** From flags, environment and client.yaml to what the client runs on. Reads nothing in the working directory unasked. */
import { Failure, isLoopbackName, parseHost } from "@smcp/core";
import { z } from "zod";
import { idleAddress, localEndpoint } from "./client-endpoint.ts";
import { CLIENT_PREFIX, clientFlags } from "./client-flags.ts";
import { idleSignIn, machineProof, tokenFile } from "./client-proof.ts";
import type { ClientSettings, ClientSignIn } from "./client-settings.ts";
import { optional, Values } from "./client-values.ts";
import { readTree } from "./document.ts";
import { configFolder, readText } from "./find.ts";
import { type Environment, fileKey, type FlagValues, resolveFlags, schemaOf, unknownVariables } from "./flags.ts";
import { bare } from "./listen.ts";
import { freeze } from "./normalise.ts";
import { ConfigInvalid, quote } from "./problem.ts";
import { resolveReferences } from "./references.ts";
import { issuerUrl, normalisePath, origin, readHttpUrl } from "./scalars.ts";
import { OWN_HEADERS } from "./sections/backends.ts";
import { stateFolder } from "./state-folder.ts";
import { isRecord } from "./untyped.ts";
import { validate } from "./validate.ts";

/** Where the client's configuration comes from. */
export interface ClientSource {
  /** Texts by the flag's name, as typed. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly env: Environment;
  /** Where relative paths in flags start. */
  readonly cwd: string;
  /** The file; left out: `$XDG_CONFIG_HOME/smcp/client.yaml`, if there is one. */
  readonly file?: string | undefined;
}

/** A client's configuration that is right. */
export interface LoadedClient {
  readonly settings: ClientSettings;
  readonly log: { readonly level: string; readonly format: "text" | "json" };
  readonly warnings: readonly string[];
}

/**
 * Loads the client's configuration.
 *
 * @throws Failure with exit code 2 for anything missing, malformed or not built yet
 */
export function loadClientSettings(source: ClientSource): LoadedClient {
  const { env, cwd } = source;
  const file = readClientFile(source);
  const found = resolveFlags(clientFlags, { flags: source.flags, env, prefix: CLIENT_PREFIX, file });
  const read = new Values(found, cwd);
  const settings: ClientSettings = {
    serverUrl: serverUrl(read),
    ...localEndpoint(read),
    readTimeout: read.number("read-timeout"),
    writeTimeout: read.number("write-timeout"),
    shutdownTimeout: read.number("shutdown-timeout"),
    serverTimeout: read.number("server-timeout"),
    authMode: authMode(found),
    oidc: signIn(read, found),
    opensBrowser: read.isOn("open"),
    profile: read.text("profile") ?? "default",
    tokenStore: read.text("token-store") as ClientSettings["tokenStore"],
    stateFolder: stateFolder(env),
    allowHosts: read.list("allow-host").map((one) => hostValue(one, read)),
    allowOrigins: read.list("allow-origin").map((one) => allowedOrigin(one, read)),
    forwardHeaders: read.list("forward-header").map((one) => headerName(one, read)),
    maxBody: read.number("max-body"),
    metrics: { enabled: read.isOn("metrics"), path: read.path("metrics-path") ?? "/metrics" },
    ...tokenFile(read, found),
    ...optional("tls", localTls(read)),
    ...optional("caFile", read.file("ca-file")),
  };
  return {
    settings: freeze(settings),
    log: { level: read.text("log-level") ?? "info", format: read.text("log-format") === "json" ? "json" : "text" },
    warnings: [
      ...unknownVariables(clientFlags, env, CLIENT_PREFIX),
      ...exposed(found),
      ...unencrypted(settings),
      ...idleTls(found),
      ...idleAddress(found),
      ...idleSignIn(found),
    ],
  };
}

/** Whose sign-in is meant, as far as somebody says it. */
export interface ClientProfile {
  readonly serverUrl: URL | undefined;
  readonly profile: string;
  readonly stateFolder: string;
}

/**
 * The part of the configuration that tells one sign-in from another, for commands that can do without a server's name.
 *
 * @throws Failure with exit code 2 for anything malformed or not built yet
 */
export function loadClientProfile(source: ClientSource): ClientProfile {
  const { env, cwd, flags } = source;
  const file = readClientFile(source);
  const read = new Values(resolveFlags(clientFlags, { flags, env, prefix: CLIENT_PREFIX, file }), cwd);
  const isNamed = read.text("server-url") !== undefined;
  return {
    serverUrl: isNamed ? serverUrl(read) : undefined,
    profile: read.text("profile") ?? "default",
    stateFolder: stateFolder(env),
  };
}

/** The schema of client.yaml: the flags as keys. */
export const clientFile = z.strictObject(
  Object.fromEntries(clientFlags.map((flag) => [fileKey(flag), schemaOf(flag).optional()])),
);

function readClientFile({ env, cwd, file = `${configFolder(env)}/client.yaml` }: ClientSource): Map<string, unknown> {
  const text = readText(file, cwd);
  if (text === undefined) return new Map();
  const hint = "the keys are the flags of smcp client, with underscores";
  const tree = readTree(text, file);
  if (tree.root === undefined) throw new ConfigInvalid(file, tree.problems, hint);
  const resolved = resolveReferences(tree.root, tree.places, { env, cwd });
  const { value, problems } = validate(clientFile, tree, resolved);
  const all = [...tree.problems, ...resolved.problems, ...problems];
  if (all.length > 0 || !isRecord(value)) throw new ConfigInvalid(file, all, hint);
  return new Map(Object.entries(value).filter(([, one]) => one !== undefined));
}

function serverUrl(read: Values): URL {
  const text = read.text("server-url");
  if (text === undefined) {
    throw new Failure("no server to relay to is named", "give --server-url https://HOST, or set SMCP_SERVER_URL", 2);
  }
  const url = readHttpUrl(text);
  if (url && !text.includes("?") && normalisePath(url.pathname) !== undefined) return url;
  const found = text.includes("@") ? "one that is not shown" : quote(text);
  return read.fail("server-url", "an http or https URL without user, password, query and fragment", found);
}

function authMode({ values, origins }: FlagValues): "none" | "oidc" | "auto" {
  const given = values.get("auth-mode") as "none" | "oidc" | "auto" | undefined;
  if (given !== undefined) return given;
  return [...origins.keys()].some((name) => name.startsWith("oidc-")) ? "oidc" : "auto";
}

function signIn(read: Values, found: FlagValues): ClientSignIn {
  const issuer = read.text("oidc-issuer");
  if (issuer !== undefined && !issuerUrl().safeParse(issuer).success) {
    read.fail("oidc-issuer", "an https URL without a query (http only on a loopback address)", quote(issuer));
  }
  const resource = read.text("oidc-resource") ?? "";
  if (resource !== "auto" && resource !== "off" && (!URL.canParse(resource) || resource.includes("#"))) {
    read.fail("oidc-resource", "auto, off or a URI without a fragment", quote(resource));
  }
  return {
    ...optional("issuer", issuer),
    ...optional("clientId", read.text("oidc-client-id")),
    ...optional("audience", read.text("oidc-audience")),
    scopes: read.list("oidc-scopes"),
    flow: read.text("oidc-flow") as ClientSignIn["flow"],
    resource,
    cacheTtl: read.number("oidc-cache-ttl"),
    tokenTtlDelta: read.number("oidc-token-ttl-delta"),
    clockTolerance: read.number("oidc-clock-tolerance"),
    ...machineProof(read, found),
    dpop: read.text("dpop") as NonNullable<ClientSignIn["dpop"]>,
    areScopesGiven: found.origins.has("oidc-scopes"),
    redirectHost: redirectHost(read),
    redirectPorts: read.list("redirect-port").map((one) => redirectPort(one, read)),
    allowsUnadvertisedPkce: read.isOn("allow-unadvertised-pkce"),
    acceptsIssuerChange: read.isOn("accept-issuer-change"),
  };
}

/** In the form of a URL's host: an address of the sixth version in brackets. */
function redirectHost(read: Values): string {
  const host = bare(read.text("redirect-host") ?? "");
  if (!isLoopbackName(host)) read.fail("redirect-host", "127.0.0.1, localhost or [::1]", quote(host));
  return host.includes(":") ? `[${host}]` : host;
}

function redirectPort(text: string, read: Values): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  return port >= 0 && port <= 65_535 ? port : read.fail("redirect-port", "ports from 0 to 65535", quote(text));
}

function localTls(read: Values): ClientSettings["tls"] {
  if (!read.isOn("tls")) return undefined;
  const certFile = read.file("tls-cert");
  const keyFile = read.file("tls-key");
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  const missing = [...(certFile === undefined ? ["--tls-cert"] : []), ...(keyFile === undefined ? ["--tls-key"] : [])];
  throw new Failure(`"--tls" needs ${missing.join(" and ")}`, "name the certificate and its key, in PEM files", 2);
}

/** A header that an app may send along; what smcp itself decides on it never is. */
function headerName(text: string, read: Values): string {
  const name = text.toLowerCase();
  return /^[a-z0-9-]+$/.test(name) && !OWN_HEADERS.test(name)
    ? name
    : read.fail("forward-header", "names of headers that smcp does not set itself", quote(text));
}

function hostValue(text: string, read: Values): string {
  return parseHost(text)
    ? text.toLowerCase()
    : read.fail("allow-host", "host names, with or without a port", quote(text));
}

function allowedOrigin(text: string, read: Values): string {
  const parsed = origin().safeParse(text);
  return parsed.success
    ? parsed.data
    : read.fail("allow-origin", "origins such as https://app.example.com", quote(text));
}

function exposed({ origins }: FlagValues): string[] {
  if (origins.get("oidc-client-secret") !== "--oidc-client-secret") return [];
  return ['"--oidc-client-secret" can be read by other users of this machine: use --oidc-client-secret-file'];
}

function idleTls({ values, origins }: FlagValues): string[] {
  if (values.get("tls") === true) return [];
  const idle = ["tls-cert", "tls-key"].flatMap((name) => origins.get(name) ?? []);
  return idle.map((one) => `"${one}" does nothing without --tls: the local listener speaks plain http`);
}

function unencrypted({ serverUrl, authMode }: ClientSettings): string[] {
  if (serverUrl.protocol === "https:" || isLoopbackName(serverUrl.hostname) || authMode === "none") return [];
  return [`tokens go to "${serverUrl.host}" without encryption: use an https URL for the server`];
}
