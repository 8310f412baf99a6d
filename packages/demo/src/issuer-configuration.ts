/** How oidc-provider is set up for machines: client credentials, JWT access tokens for any resource, groups in them. */
import { randomBytes, type webcrypto } from "node:crypto";
import type { Duration } from "@smcp/core";
import { errors, Provider, type TokenContext } from "oidc-provider";
import { createMemoryAdapter } from "oidc-provider/lib/adapters/memory_adapter.js";

/** A client that may ask for tokens on its own behalf. */
export interface IssuerClient {
  readonly id: string;
  readonly secret: string;
  /** How it proves who it is. Default `client_secret_basic`. */
  readonly authMethod?: "client_secret_basic" | "client_secret_post";
  /** Further claims of its access tokens: `{ groups: ["eng"] }`. */
  readonly claims?: Readonly<Record<string, unknown>>;
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
}

/** Stands for "no resource was named": the provider wants an absolute URI. */
const NO_RESOURCE = "urn:smcp:no-resource";

/** The provider, ready to answer under `url`. */
export function createProvider(url: string, rules: IssuerRules, key: webcrypto.JsonWebKey): Provider {
  return new Provider(url, issuerConfiguration(rules, key));
}

function issuerConfiguration(rules: IssuerRules, key: webcrypto.JsonWebKey): Record<string, unknown> {
  const ttl = Math.max(1, Math.round(rules.tokenTtl / 1_000));
  const scope = rules.scopes.join(" ");
  const clients = new Map(rules.clients.map((client) => [client.id, client]));
  return {
    adapter: createMemoryAdapter(),
    jwks: { keys: [key] },
    cookies: { keys: [randomBytes(32).toString("base64url")] },
    clients: rules.clients.map((client) => machineClient(client, scope)),
    clientAuthMethods: [...new Set(rules.clients.map(authMethodOf))],
    enabledJWA: { idTokenSigningAlgValues: ["ES256"] },
    scopes: rules.scopes,
    ttl: { ClientCredentials: ttl },
    extraTokenClaims: (context: TokenContext, token: { clientId: string }) => ({
      ...clients.get(token.clientId)?.claims,
      ...rules.claimsOf(context),
    }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: false },
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
    client_secret: client.secret,
    token_endpoint_auth_method: authMethodOf(client),
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
    scope,
    // There is an EC key only, and the default of every client is RS256.
    id_token_signed_response_alg: "ES256",
  };
}
