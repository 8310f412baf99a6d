/**
 * An issuer as its metadata describes it, learnt once, with the way this client proves who it is there. The issuer is
 * always one that was configured: a client secret never goes to an issuer that somebody else named.
 */
import { isLoopbackName, type Duration, type Secret } from "@smcp/core";
import type * as OpenidClient from "openid-client";
import type { ClientAuth, Configuration, DiscoveryRequestOptions, ServerMetadata } from "openid-client";

import type { BoundedFetch } from "./bounded-fetch.ts";

type Library = typeof OpenidClient;

/** Who this client is at the issuer. */
export interface IssuerClient {
  /** https, or http on loopback. */
  readonly issuer: URL;
  readonly clientId: string;
  readonly clientSecret: Secret;
  /** `undefined`: what the issuer's metadata prefers. */
  readonly authMethod: "client_secret_basic" | "client_secret_post" | undefined;
  /** How far the issuer's clock may be from ours where it signs a time. */
  readonly clockTolerance: Duration;
}

/** An issuer that can be asked. The library is loaded with the first link, not with the program. */
export interface OpenIssuer {
  readonly library: Library;
  readonly configuration: Configuration;
}

/** An issuer whose metadata cannot be used; its message is for a person. */
export class IssuerUnusable extends Error {
  override readonly name = "IssuerUnusable";
}

/** How long discovery and a token request may take, each. */
export const ISSUER_TIMEOUT: Duration = 10_000;

export class IssuerLink {
  readonly #client: IssuerClient;
  readonly #fetch: BoundedFetch;
  #open: OpenIssuer | undefined;

  constructor(client: IssuerClient, fetch: BoundedFetch) {
    this.#client = client;
    this.#fetch = fetch;
  }

  /** The issuer's host, for messages. */
  get host(): string {
    return this.#client.issuer.host;
  }

  /** Discovers the issuer, once; rejects with openid-client's errors or {@link IssuerUnusable}. */
  async open(): Promise<OpenIssuer> {
    if (this.#open) return this.#open;
    const library = await import("openid-client");
    const metadata = await this.#discover(library);
    this.#judge(metadata);
    const { clientId, clockTolerance } = this.#client;
    const about = { [library.clockTolerance]: Math.round(clockTolerance / 1_000) };
    const configuration = new library.Configuration(metadata, clientId, about, this.#proof(library, metadata));
    configuration.timeout = ISSUER_TIMEOUT / 1_000;
    configuration[library.customFetch] = this.#fetch;
    if (this.#isLocal) library.allowInsecureRequests(configuration);
    this.#open = { library, configuration };
    return this.#open;
  }

  get #isLocal(): boolean {
    return isLoopbackName(this.#client.issuer.hostname);
  }

  async #discover(library: Library): Promise<ServerMetadata> {
    const ask = async (algorithm: "oidc" | "oauth2"): Promise<ServerMetadata> => {
      const options: DiscoveryRequestOptions = {
        algorithm,
        timeout: ISSUER_TIMEOUT / 1_000,
        [library.customFetch]: this.#fetch,
        ...(this.#isLocal && { execute: [library.allowInsecureRequests] }),
      };
      const { issuer, clientId } = this.#client;
      return (await library.discovery(issuer, clientId, undefined, undefined, options)).serverMetadata();
    };
    try {
      return await ask("oidc");
    } catch (error) {
      // An issuer that knows OAuth only keeps its metadata at another address.
      if (statusOf(error) === 404) return ask("oauth2");
      throw error;
    }
  }

  #judge(metadata: ServerMetadata): void {
    const endpoint = metadata.token_endpoint === undefined ? undefined : URL.parse(metadata.token_endpoint);
    if (!endpoint) throw new IssuerUnusable("names no token endpoint");
    const isLocalHttp = endpoint.protocol === "http:" && this.#isLocal && isLoopbackName(endpoint.hostname);
    if (endpoint.protocol !== "https:" && !isLocalHttp) throw new IssuerUnusable("has a token endpoint without https");
  }

  #proof(library: Library, metadata: ServerMetadata): ClientAuth {
    const { authMethod, clientSecret } = this.#client;
    const offered = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
    const known = ["client_secret_basic", "client_secret_post"] as const;
    const method = authMethod ?? known.find((one) => offered.includes(one));
    if (method === undefined) throw new IssuerUnusable("takes no client secret; --oidc-auth-method forces one");
    return method === "client_secret_basic"
      ? library.ClientSecretBasic(clientSecret.reveal())
      : library.ClientSecretPost(clientSecret.reveal());
  }
}

/** The HTTP status behind an error of openid-client, where there was an answer. */
function statusOf(error: unknown): number | undefined {
  return responseOf(error)?.status;
}

/** The answer behind an error of openid-client. */
export function responseOf(error: unknown): Response | undefined {
  const { cause, response } = error as { cause?: unknown; response?: unknown };
  if (response instanceof Response) return response;
  return cause instanceof Response ? cause : undefined;
}
