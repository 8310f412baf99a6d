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

/**
 * The challenge for a good token whose proof is not: another token would not help.
 *
 * @param nonce the one that the proof needs; `undefined`: it lacks something else
 */
export function challengeProof(refusal: Refusal, metadata: string, nonce: string | undefined): Refusal {
  const error = nonce === undefined ? "invalid_dpop_proof" : "use_dpop_nonce";
  const value = `DPoP error="${error}", ${ALGORITHMS}, resource_metadata="${metadata}"`;
  const headers = { ...refusal.headers, "www-authenticate": value };
  return { ...refusal, headers: nonce === undefined ? headers : { ...headers, [NONCE_HEADER]: nonce } };
}

/** The header in which a nonce goes to callers. */
export const NONCE_HEADER = "dpop-nonce";
