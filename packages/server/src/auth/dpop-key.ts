/** The key that a proof of possession brings along: read strictly, for it is whatever a caller wrote. */
import type { CryptoKey, JWK } from "jose";

import type { Claims } from "./jwt.ts";

/** The algorithms of proofs, as the metadata tells them. */
export const PROOF_ALGORITHMS: readonly string[] = ["ES256", "EdDSA", "Ed25519"];

/** A key that proofs are verified with. */
export interface ProofKey {
  readonly algorithm: string;
  readonly key: CryptoKey;
  /** Its RFC 7638 thumbprint, by which tokens are bound to it. */
  readonly thumbprint: string;
}

/** Members that only a private or a secret key has. */
const PRIVATE = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
const COORDINATE = /^[A-Za-z0-9_-]{43}$/;

/** The key in a proof's header, or the rule that the header breaks. */
export async function openProofKey(header: Claims): Promise<ProofKey | string> {
  const { typ, alg, jwk, crit } = header;
  if (typ !== "dpop+jwt") return 'its type is not "dpop+jwt"';
  if (typeof alg !== "string" || !PROOF_ALGORITHMS.includes(alg)) return "its algorithm is not one of proofs";
  if (crit !== undefined) return "it has an extension that is not known";
  const plain = readKey(jwk, alg);
  if (typeof plain === "string") return plain;
  // Few callers prove keys, and nobody before the first request.
  const { calculateJwkThumbprint, importJWK } = await import("jose");
  try {
    const key = await importJWK(plain, alg);
    if (key instanceof Uint8Array) return "its key is no public key";
    return { algorithm: alg, key, thumbprint: await calculateJwkThumbprint(plain) };
  } catch {
    return "its key is no point of the curve";
  }
}

/** The public members alone. */
function readKey(jwk: unknown, algorithm: string): JWK | string {
  if (typeof jwk !== "object" || jwk === null) return "it brings no key";
  if (PRIVATE.some((one) => Object.hasOwn(jwk, one))) return "its key is not public";
  const { kty, crv, x, y } = jwk as Claims;
  const kind = algorithm === "ES256" ? "EC P-256" : "OKP Ed25519";
  if (`${kty as string} ${crv as string}` !== kind) return "its key is of another algorithm";
  const coordinates = kind === "EC P-256" ? { x, y } : { x };
  const isWhole = Object.values(coordinates).every((one) => typeof one === "string" && COORDINATE.test(one));
  return isWhole ? ({ kty, crv, ...coordinates } as JWK) : "its key is incomplete";
}
