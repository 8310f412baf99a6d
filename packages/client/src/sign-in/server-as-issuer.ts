/**
 * MCP as it was in March 2025: a server that says nothing of an issuer is its own, and one without metadata has its endpoints
 * at fixed places.
 */
import type { ClientSettings } from "@smcp/config";
import { refuse, type Refusal } from "@smcp/core";
import type { ServerMetadata } from "openid-client";

import type { BoundedFetch } from "../tokens/bounded-fetch.ts";
import { IssuerSilent, readIssuerMetadata } from "../tokens/issuer-metadata.ts";

/**
 * The metadata of the server as its own issuer. Where it has none, nobody says that PKCE is known: then only a person's word
 * for that makes it worth asking at the places of old.
 *
 * @throws as {@link readIssuerMetadata}, but {@link IssuerSilent}
 */
export async function readOwnIssuer(
  { serverUrl, oidc }: ClientSettings,
  fetch: BoundedFetch,
): Promise<ServerMetadata | Refusal> {
  const { origin, host } = serverUrl;
  try {
    return await readIssuerMetadata(origin, "server", fetch);
  } catch (error) {
    if (!(error instanceof IssuerSilent)) throw error;
  }
  if (oidc.allowsUnadvertisedPkce === true) {
    return {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      registration_endpoint: `${origin}/register`,
    };
  }
  return refuseSilent(host);
}

/** A server that names nobody, where nobody may be guessed. */
export function refuseSilent(host: string): Refusal {
  const reason = `the smcp server at ${host} does not say at which identity provider to sign in: give --oidc-issuer and --oidc-client-id`;
  return refuse("SIGN_IN_REFUSED", { reason }, { reason });
}
