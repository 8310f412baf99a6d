/**
 * How oidc-provider is set up: client credentials for machines, browser and device code for people, JWT access tokens for
 * any resource, groups in them.
 */
import { randomBytes, type webcrypto } from "node:crypto";
import type { Duration } from "@smcp/core";
import { errors, Provider, type TokenContext } from "oidc-provider";
import { createMemoryAdapter } from "oidc-provider/lib/adapters/memory_adapter.js";

/** A client that may ask for tokens on its own behalf. */
export interface IssuerClient {
  readonly id: string;
  readonly secret: string;
  /** How it proves who it is. Default `client_secret_basic`. */
  readonly authMethod?: "client_secret_basic" | "client_secret_post" | "private_key_jwt";
  /** The public half of its key, where it proves itself with one. */
  readonly jwks?: { readonly keys: readonly object[] };
  /** Further claims of its access tokens: `{ groups: ["eng"] }`. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** The people's side: who they are, and the public client that they sign in with. */
export interface PeopleRules {
  readonly clientId: string;
  /** The one account; its name is its subject, too. */
  readonly account: string;
  /** Further claims of their access tokens. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Clients may register themselves. */
  readonly registers: boolean;
  /** Lifetime of a device code. */
  readonly codeTtl: Duration;
  /** Further members of the metadata: a test's. */
  readonly discovery: Readonly<Record<string, unknown>>;
}

/** Everything that shapes the tokens, with the defaults filled in. */
export interface IssuerRules {
  readonly clients: readonly IssuerClient[];
  /** `aud` of a token that was asked for without a resource. */
  readonly audience: string;
  /** Resources that may be asked for; `undefined`: any. */
  readonly resources: readonly string[] | undefined;
  readonly scopes: readonly string[];
  readonly tokenTtl: Duration;
  /** Claims of this request alone; they win over those of the client. */
  readonly claimsOf: (context: TokenContext) => Readonly<Record<string, unknown>> | undefined;
  /** How tokens are bound to a key of the client's (DPoP); `undefined`: they are not. */
  readonly dpop: { readonly requiresNonce: boolean } | undefined;
  /** `undefined`: machines only. */
  readonly people: PeopleRules | undefined;
}

/** Stands for "no resource was named": the provider wants an absolute URI. */
const NO_RESOURCE = "urn:smcp:no-resource";

/** The provider, ready to answer under `url`. */
export function createProvider(url: string, rules: IssuerRules, key: webcrypto.JsonWebKey): Provider {
  return new Provider(url, issuerConfiguration(rules, key));
}

function issuerConfiguration(rules: IssuerRules, key: webcrypto.JsonWebKey): Record<string, unknown> {
  const ttl = seconds(rules.tokenTtl);
  const scope = rules.scopes.join(" ");
  const { people } = rules;
  const claims = new Map(rules.clients.map((client) => [client.id, client.claims]));
  const methods = [...rules.clients.map(authMethodOf), ...(people ? ["none"] : [])];
  return {
    adapter: createMemoryAdapter(),
    jwks: { keys: [key] },
    cookies: { keys: [randomBytes(32).toString("base64url")] },
    clients: [
      ...rules.clients.map((client) => machineClient(client, scope)),
      ...(people ? [publicClient(people)] : []),
    ],
    clientAuthMethods: [...new Set(methods)],
    // There is an EC key only, and the default of every client is RS256.
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    enabledJWA: { idTokenSigningAlgValues: ["ES256"] },
    scopes: [...new Set([...rules.scopes, ...(people ? ["openid", "offline_access"] : [])])],
    ttl: { ClientCredentials: ttl, AccessToken: ttl, ...(people && peopleTtl(people)) },
    extraTokenClaims: (context: TokenContext, token: { clientId: string; accountId?: string }) => ({
      ...(token.accountId === undefined ? claims.get(token.clientId) : people?.claims),
      ...rules.claimsOf(context),
    }),
    ...(people && peopleConfiguration(people)),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: dpopFeature(rules),
      ...(people && peopleFeatures(people)),
      resourceIndicators: {
        enabled: true,
        defaultResource: () => NO_RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (_: TokenContext, resource: string) => ({
          audience: audienceOf(resource, rules),
          scope,
          accessTokenFormat: "jwt",
          accessTokenTTL: ttl,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  };
}

function dpopFeature({ dpop }: IssuerRules): Record<string, unknown> {
  if (!dpop) return { enabled: false };
  return { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => dpop.requiresNonce };
}

function seconds(duration: Duration): number {
  return Math.max(1, Math.round(duration / 1_000));
}

const DAY = 86_400;

function peopleTtl({ codeTtl }: PeopleRules): Record<string, number> {
  const short = 600;
  return {
    AuthorizationCode: short,
    DeviceCode: seconds(codeTtl),
    Grant: DAY,
    IdToken: short,
    Interaction: short,
    RefreshToken: DAY,
    Session: DAY,
  };
}

function peopleConfiguration({ account, discovery }: PeopleRules): Record<string, unknown> {
  const claims = { sub: account, name: account, email: `${account}@example.com` };
  return {
    // In the ID token itself: smcp asks no userinfo endpoint.
    conformIdTokenClaims: false,
    claims: { openid: ["sub", "name", "email"] },
    discovery,
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => claims }),
    interactions: { url: (_: unknown, interaction: { uid: string }) => `${INTERACTIONS}${interaction.uid}` },
    issueRefreshToken: (_: unknown, client: { grantTypeAllowed(type: string): boolean }) =>
      client.grantTypeAllowed("refresh_token"),
    pkce: { required: () => true },
    rotateRefreshToken: true,
  };
}

function peopleFeatures({ registers }: PeopleRules): Record<string, unknown> {
  return {
    deviceFlow: { enabled: true },
    registration: { enabled: registers },
    revocation: { enabled: true },
  };
}

/** Where a person is asked who they are and whether they agree. */
export const INTERACTIONS = "/interaction/";

function publicClient({ clientId }: PeopleRules): Record<string, unknown> {
  return {
    client_id: clientId,
    client_name: "smcp client",
    application_type: "native",
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    response_types: ["code"],
    redirect_uris: ["http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback"],
  };
}

function audienceOf(resource: string, rules: IssuerRules): string {
  if (resource === NO_RESOURCE) return rules.audience;
  if (rules.resources && !rules.resources.includes(resource)) throw new errors.InvalidTarget();
  return resource;
}

function authMethodOf(client: IssuerClient): string {
  return client.authMethod ?? "client_secret_basic";
}

function machineClient(client: IssuerClient, scope: string): Record<string, unknown> {
  return {
    client_id: client.id,
    ...(client.jwks ? { jwks: client.jwks } : { client_secret: client.secret }),
    token_endpoint_auth_method: authMethodOf(client),
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
    scope,
  };
}
