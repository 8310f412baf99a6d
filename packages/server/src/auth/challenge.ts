/** The `WWW-Authenticate` header: how a caller learns where to sign in. Built here and nowhere else. */
import type { Refusal } from "@smcp/core";

/**
 * Adds the challenge that a 401 always carries.
 *
 * @param metadata the URL of the resource metadata; `undefined` where no issuer is configured
 * @param wasPresented whether the caller showed a token at all
 */
export function challenge(refusal: Refusal, metadata: string | undefined, wasPresented: boolean): Refusal {
  const error = wasPresented ? ', error="invalid_token"' : "";
  const value =
    metadata === undefined ? `Bearer realm="smcp"${error}` : `Bearer resource_metadata="${metadata}"${error}`;
  return { ...refusal, headers: { ...refusal.headers, "www-authenticate": value } };
}
