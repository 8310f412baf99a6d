/**
 * The embedded identity provider: oidc-provider on loopback, in this process. For the demo and for tests; it keeps
 * everything in memory and forgets it when closed.
 */
import { generateKeyPairSync, randomBytes, randomUUID, type webcrypto } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describeError, Failure, type Duration } from "@smcp/core";
import { answerInteraction, type Answer } from "./consent.ts";
import type * as Parts from "./issuer-configuration.ts";
import type { IssuerClient, IssuerRules, PeopleRules } from "./issuer-configuration.ts";

export type { IssuerClient } from "./issuer-configuration.ts";

/** What the identity provider knows and how its tokens look. */
export interface IssuerOptions {
  /** Port on 127.0.0.1. Default 0: any free one. */
  readonly port?: number;
  /** The first client. Defaults: `smcp-demo` and a random secret. */
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** How the first client proves who it is. Default `client_secret_basic`. */
  readonly authMethod?: "client_secret_basic" | "client_secret_post";
  /** Groups in the first client's tokens. Default `["demo"]`. */
  readonly groups?: readonly string[];
  /** More clients beside the first. */
  readonly clients?: readonly IssuerClient[];
  /** `aud` of a token asked for without a resource. Default `api`. */
  readonly audience?: string;
  /** Resources that may be asked for. Default: any. */
  readonly resources?: readonly string[];
  /** Scopes that exist. Default `["openid"]`. */
  readonly scopes?: readonly string[];
  /** Lifetime of access tokens, whole seconds. Default 10 min. */
  readonly tokenTtl?: Duration;
  /** Bind tokens to a key where the client proves one (DPoP), and whether its proofs need a nonce. Default: never. */
  readonly dpop?: { readonly requiresNonce: boolean };
  /** Let people sign in too, by browser and by device code. Default: machines only. */
  readonly people?: PeopleOptions;
}

/** The people's side of the provider. Consent is given without a page, always by the same person. */
interface PeopleOptions {
  /** The public client. Default `smcp-laptop`. */
  readonly clientId?: string;
  /** The person. Default `alice`. */
  readonly account?: string;
  /** Groups in the person's tokens. Default `["demo"]`. */
  readonly groups?: readonly string[];
  /** Let clients register themselves. Default false. */
  readonly registers?: boolean;
  /** Lifetime of a device code, whole seconds. Default 10 min. */
  readonly codeTtl?: Duration;
  /** Further members of the metadata, or others instead: for tests. */
  readonly discovery?: Readonly<Record<string, unknown>>;
}

/** An EC key on P-256, both halves. */
export interface SigningKey extends webcrypto.JsonWebKey {
  readonly kid: string;
}

/** A running identity provider. */
export interface Issuer extends AsyncDisposable {
  /** The issuer identifier: `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The private half of the signing key: for tests that need tokens which no provider would issue. */
  readonly signingKey: SigningKey;
  /**
   * Gets an access token for the first client by a real token request.
   *
   * @param claims further claims of this token, which win over the client's
   * @param resource its `aud`; left out: the default audience
   */
  token(claims?: Readonly<Record<string, unknown>>, resource?: string): Promise<string>;
  /** What the person answers from now on: `agree` at first. */
  answer: Answer;
  /** How often a path was asked for: `/token`, `/jwks`, `/.well-known/openid-configuration`. */
  requestsTo(path: string): number;
  /** Stops listening and drops every connection. Idempotent. */
  close(): Promise<void>;
}

const CLAIMS_HEADER = "x-smcp-claims";
const TOKEN_TIMEOUT: Duration = 10_000;

/**
 * Starts the identity provider.
 *
 * @throws Failure when its port is taken
 */
export async function startIssuer(options: IssuerOptions = {}): Promise<Issuer> {
  const clientId = options.clientId ?? "smcp-demo";
  const clientSecret = options.clientSecret ?? randomBytes(32).toString("base64url");
  const authMethod = options.authMethod ?? "client_secret_basic";
  const first: IssuerClient = {
    id: clientId,
    secret: clientSecret,
    authMethod,
    claims: { groups: options.groups ?? ["demo"] },
  };
  // Claims of one token wait here under a random name: a caller from outside cannot choose its own.
  const pending = new Map<string, Readonly<Record<string, unknown>>>();
  const rules: IssuerRules = {
    clients: [first, ...(options.clients ?? [])],
    audience: options.audience ?? "api",
    resources: options.resources,
    scopes: options.scopes ?? ["openid"],
    tokenTtl: options.tokenTtl ?? 600_000,
    claimsOf: (context) => pending.get(context.get(CLAIMS_HEADER)),
    dpop: options.dpop,
    people: options.people && peopleRules(options.people),
  };
  const signingKey = createSigningKey();
  const server = createServer();
  const port = await listen(server, options.port ?? 0);
  const url = `http://127.0.0.1:${port}`;
  const close = (): Promise<void> => closeServer(server);
  const counts = new Map<string, number>();
  const issuer: Issuer = {
    url,
    port,
    clientId,
    clientSecret,
    signingKey,
    requestsTo: (path) => counts.get(path) ?? 0,
    token: async (claims, resource) => {
      const name = randomUUID();
      if (claims) pending.set(name, claims);
      try {
        return await requestToken(url, first, { [CLAIMS_HEADER]: name }, resource);
      } finally {
        pending.delete(name);
      }
    },
    answer: "agree",
    close,
    [Symbol.asyncDispose]: close,
  };
  await serve(server, issuer, rules, counts);
  return issuer;
}

function peopleRules(options: PeopleOptions): PeopleRules {
  return {
    clientId: options.clientId ?? "smcp-laptop",
    account: options.account ?? "alice",
    claims: { groups: options.groups ?? ["demo"] },
    registers: options.registers ?? false,
    codeTtl: options.codeTtl ?? 600_000,
    discovery: options.discovery ?? {},
  };
}

function createSigningKey(): SigningKey {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "ES256" };
}

/** Mounts the provider. It needs the port for its name, so the server listens before it can answer. */
async function serve(server: Server, issuer: Issuer, rules: IssuerRules, counts: Map<string, number>): Promise<void> {
  const { createProvider, INTERACTIONS } = await loadProvider();
  const provider = createProvider(issuer.url, rules, issuer.signingKey);
  const answer = provider.callback();
  server.on("request", (incoming, outgoing) => {
    const path = (incoming.url ?? "/").split("?", 1)[0] ?? "/";
    if (counts.has(path) || counts.size < 64) counts.set(path, (counts.get(path) ?? 0) + 1);
    const account = path.startsWith(INTERACTIONS) ? rules.people?.account : undefined;
    const answered =
      account === undefined
        ? answer(incoming, outgoing)
        : answerInteraction(provider, account, issuer.answer, [incoming, outgoing]);
    answered.catch(() => outgoing.destroy());
  });
}

/**
 * Loads oidc-provider, which takes half a second and 40 MB: only where it runs. At import it looks for an LTS release and
 * prints a warning on any other; ours is newer than all it knows, so it sees one for that moment.
 */
async function loadProvider(): Promise<typeof Parts> {
  const release = process.release as { lts?: string };
  const isUnknown = release.lts === undefined;
  if (isUnknown) release.lts = "Krypton";
  try {
    return await import("./issuer-configuration.ts");
  } finally {
    if (isUnknown) delete release.lts;
  }
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(new Failure(`the identity provider cannot listen: ${describeError(error)}`, "free the port or choose 0")),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

async function requestToken(
  url: string,
  client: IssuerClient,
  headers: Readonly<Record<string, string>>,
  resource: string | undefined,
): Promise<string> {
  const body = new URLSearchParams({ grant_type: "client_credentials", ...(resource !== undefined && { resource }) });
  const isBasic = client.authMethod !== "client_secret_post";
  if (!isBasic) {
    body.set("client_id", client.id);
    body.set("client_secret", client.secret);
  }
  const pair = `${encodeURIComponent(client.id)}:${encodeURIComponent(client.secret)}`;
  const answer = await fetch(`${url}/token`, {
    method: "POST",
    headers: { ...headers, ...(isBasic && { authorization: `Basic ${Buffer.from(pair).toString("base64")}` }) },
    body,
    signal: AbortSignal.timeout(TOKEN_TIMEOUT),
  });
  const found = (await answer.json()) as { access_token?: string; error?: string };
  if (found.access_token === undefined) throw new Error(`the token request was refused: ${found.error}`);
  return found.access_token;
}
