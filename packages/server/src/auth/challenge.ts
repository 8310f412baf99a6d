/** The `WWW-Authenticate` header: how a caller learns where to sign in. Built here and nowhere else. */
import type { Refusal } from "@smcp/core";

import { PROOF_ALGORITHMS } from "./dpop-key.ts";

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

const ALGORITHMS = `algs="${PROOF_ALGORITHMS.join(" ")}"`;

/** Beside the challenge for a token that was refused: by its scheme, or by its own binding, it is one with a key. */
export function challengeBound(refusal: Refusal, metadata: string): Refusal {
  const { headers, ...rest } = challenge(refusal, metadata, true);
  const value = `${headers?.["www-authenticate"]}, DPoP error="invalid_token", ${ALGORITHMS}`;
  return { ...rest, headers: { ...headers, "www-authenticate": value } };
}

/** The challenge for a good token whose proof is not: another token would not help. */
export function challengeProof(refusal: Refusal, metadata: string): Refusal {
  const value = `DPoP error="invalid_dpop_proof", ${ALGORITHMS}, resource_metadata="${metadata}"`;
  return { ...refusal, headers: { ...refusal.headers, "www-authenticate": value } };
}
