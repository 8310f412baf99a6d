/** A scenario of sign-in as the SDK's own client goes through it: what smcp is compared with. */
import {
  auth,
  ClientCredentialsProvider,
  computeScopeUnion,
  CrossAppAccessProvider,
  DpopSession,
  extractWWWAuthenticateParams,
  PrivateKeyJwtProvider,
  requestJwtAuthorizationGrant,
  withDpopFromProvider,
  type FetchLike,
  type OAuthClientInformationContext,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
} from "@modelcontextprotocol/client";

import { CLIENT_DOCUMENT, issuerOf, visitAs, type Scenario } from "./auth-scenario.ts";

/** Goes through a scenario without smcp; rejects where the client gives up. */
export async function runDirectly(scenario: Scenario): Promise<void> {
  const url = new URL(scenario.url);
  await visitAs(scenario, { url, fetch: signedIn(await providerFor(scenario), url) });
}

/** A fetch that signs in when it is refused, once for each request. */
function signedIn(provider: Account | OAuthClientProvider, serverUrl: URL): FetchLike {
  const bound = withDpopFromProvider(provider)(fetch);
  const send = async (input: string | URL, init?: RequestInit): Promise<Response> => {
    const tokens = await provider.tokens();
    const headers = new Headers(init?.headers);
    if (tokens) headers.set("authorization", `Bearer ${tokens.access_token}`);
    return bound(input, { ...init, headers });
  };
  return async (input, init) => {
    const response = await send(input, init);
    if (response.status !== 401 && response.status !== 403) return response;
    const { resourceMetadataUrl, scope: challenged } = extractWWWAuthenticateParams(response);
    await response.body?.cancel();
    const held = response.status === 403 ? (await provider.tokens())?.scope : undefined;
    const scope = computeScopeUnion(held, challenged);
    const about = { serverUrl, ...(resourceMetadataUrl && { resourceMetadataUrl }), ...(scope && { scope }) };
    if ((await auth(provider, about)) === "REDIRECT" && provider instanceof Account) {
      await auth(provider, { ...about, ...provider.arrived });
    }
    return send(input, init);
  };
}

async function providerFor(scenario: Scenario): Promise<Account | OAuthClientProvider> {
  const { name, context } = scenario;
  const { client_id: clientId = "", client_secret: clientSecret, private_key_pem: privateKey } = context;
  if (clientId !== "" && name !== "auth/pre-registration") {
    const machine = { clientId, expectedIssuer: await issuerOf(scenario) };
    if (privateKey !== undefined) return new PrivateKeyJwtProvider({ ...machine, privateKey, algorithm: "ES256" });
    if (clientSecret === undefined) return new Account(false);
    if (context["idp_id_token"] !== undefined) return managed({ ...machine, clientSecret }, context);
    return new ClientCredentialsProvider({ ...machine, clientSecret });
  }
  const account = new Account(name.startsWith("auth/dpop"));
  if (clientSecret !== undefined) {
    const issuer = await issuerOf(scenario);
    account.saveClientInformation({ client_id: clientId, client_secret: clientSecret, issuer }, { issuer });
  }
  return account;
}

/** What the company's provider vouches for is exchanged for a token of the server's own. */
function managed(
  machine: { readonly clientId: string; readonly clientSecret: string; readonly expectedIssuer: string },
  context: Scenario["context"],
): OAuthClientProvider {
  const { idp_token_endpoint: tokenEndpoint = "", idp_client_id: clientId = "", idp_id_token: idToken = "" } = context;
  return new CrossAppAccessProvider({
    ...machine,
    assertion: async ({ authorizationServerUrl: audience, resourceUrl: resource }) => {
      const about = { tokenEndpoint, audience, resource, idToken, clientId };
      return (await requestJwtAuthorizationGrant(about)).jwtAuthGrant;
    },
  });
}

/** Keeps what the SDK gives it, by issuer, and is the browser: the provider's redirect is read, not followed. */
class Account implements OAuthClientProvider {
  readonly redirectUrl = "http://127.0.0.1:33418/callback";
  readonly clientMetadataUrl = CLIENT_DOCUMENT;
  readonly clientMetadata = { client_name: "smcp-conformance", redirect_uris: [this.redirectUrl] };
  /** What came with the last redirect. */
  arrived: { readonly authorizationCode: string; readonly iss?: string } = { authorizationCode: "" };
  readonly #clients = new Map<string | undefined, StoredOAuthClientInformation>();
  readonly #tokens = new Map<string | undefined, StoredOAuthTokens>();
  #discovered: OAuthDiscoveryState | undefined;
  #verifier = "";
  /** The key that tokens are bound to. */
  readonly #key: Promise<DpopSession> | undefined;

  constructor(isBound: boolean) {
    this.#key = isBound ? DpopSession.create() : undefined;
  }

  dpop(): Promise<DpopSession | undefined> {
    return Promise.resolve(this.#key);
  }

  clientInformation(at?: OAuthClientInformationContext): StoredOAuthClientInformation | undefined {
    return this.#clients.get(at?.issuer);
  }

  saveClientInformation(client: StoredOAuthClientInformation, at?: OAuthClientInformationContext): void {
    this.#clients.set(at?.issuer, client);
  }

  tokens(at?: OAuthClientInformationContext): StoredOAuthTokens | undefined {
    return at ? this.#tokens.get(at.issuer) : [...this.#tokens.values()].at(-1);
  }

  saveTokens(tokens: StoredOAuthTokens, at?: OAuthClientInformationContext): void {
    // It is for the way back from the provider alone: the next refusal may come with another provider.
    this.#discovered = undefined;
    this.#tokens.set(at?.issuer, tokens);
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    const response = await fetch(url, { redirect: "manual" });
    const asked = new URL(response.headers.get("location") ?? "").searchParams;
    const iss = asked.get("iss");
    this.arrived = { authorizationCode: asked.get("code") ?? "", ...(iss !== null && { iss }) };
  }

  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovered = state;
  }

  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovered;
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }
}
