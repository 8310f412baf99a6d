/**
 * An issuer as its metadata describes it, learnt once, with the way this client proves who it is there. A client secret
 * never goes to an issuer that somebody else named.
 */
import { isLoopbackName, type Duration, type Secret } from "@smcp/core";
import type * as OpenidClient from "openid-client";
import type { ClientAuth, Configuration, ServerMetadata } from "openid-client";

import type { BoundedFetch } from "./bounded-fetch.ts";
import { readIssuerMetadata, type NamedBy } from "./issuer-metadata.ts";
import { clientAuth, type Proof, type SecretMethod } from "./proof.ts";

type Library = typeof OpenidClient;

/** Who this client is at the issuer. */
export interface IssuerClient {
  /** As the issuer writes itself; https, or http on loopback. */
  readonly issuer: string;
  /** Who named the issuer. */
  readonly namedBy: NamedBy;
  readonly clientId: string;
  /** `undefined`: a public client, which proves nothing. */
  readonly clientSecret: Secret | undefined;
  /** `undefined`: what the issuer's metadata prefers. */
  readonly authMethod: SecretMethod | undefined;
  /** What it proves itself with instead of that secret. */
  readonly proof?: Proof | undefined;
  /** How far the issuer's clock may be from ours where it signs a time. */
  readonly clockTolerance: Duration;
}

/** An issuer that can be asked. The library is loaded with the first link, not with the program. */
export interface OpenIssuer {
  readonly library: Library;
  readonly configuration: Configuration;
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
    return new URL(this.#client.issuer).host;
  }

  /** Discovers the issuer, once; rejects with openid-client's errors or {@link IssuerUnusable}. */
  async open(): Promise<OpenIssuer> {
    if (this.#open) return this.#open;
    const { issuer, namedBy } = this.#client;
    const metadata = await readIssuerMetadata(issuer, namedBy, this.#fetch);
    this.#open = await configureIssuer(this.#client, metadata, this.#fetch);
    return this.#open;
  }
}

/** An issuer whose metadata is known already; rejects with {@link IssuerUnusable} where it takes no proof that we have. */
export async function configureIssuer(
  client: IssuerClient,
  metadata: ServerMetadata,
  fetch: BoundedFetch,
): Promise<OpenIssuer> {
  const library = await import("openid-client");
  const about = { [library.clockTolerance]: Math.round(client.clockTolerance / 1_000) };
  const proof = proofOf(library, client, metadata);
  const configuration = new library.Configuration(metadata, client.clientId, about, proof);
  configuration.timeout = ISSUER_TIMEOUT / 1_000;
  configuration[library.customFetch] = fetch;
  if (isLoopbackName(new URL(client.issuer).hostname)) library.allowInsecureRequests(configuration);
  return { library, configuration };
}

function proofOf(library: Library, client: IssuerClient, metadata: ServerMetadata): ClientAuth {
  const { proof, authMethod: method, clientSecret: secret } = client;
  if (proof) return clientAuth(library, proof, metadata);
  return secret === undefined ? library.None() : clientAuth(library, { kind: "secret", secret, method }, metadata);
}

/** The answer behind an error of openid-client. */
export function responseOf(error: unknown): Response | undefined {
  const { cause, response } = error as { cause?: unknown; response?: unknown };
  if (response instanceof Response) return response;
  return cause instanceof Response ? cause : undefined;
}
