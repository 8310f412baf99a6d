/** A caller that holds a key: proofs as a test says, good unless it says otherwise. */
import { createHash, randomUUID } from "node:crypto";

import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JWK,
  type JWTHeaderParameters,
} from "jose";

/** What is different about one proof; `undefined` leaves a claim out. */
export interface ProofChanges {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Partial<JWTHeaderParameters> & Readonly<Record<string, unknown>>;
  /** Signs instead of the caller's own key. */
  readonly signer?: CryptoKey | Uint8Array;
}

export interface KeyHolder {
  readonly thumbprint: string;
  readonly publicJwk: JWK;
  readonly privateJwk: JWK;
  proof(about: { readonly token: string; readonly url: string }, changes?: ProofChanges): Promise<string>;
}

export const hashOf = (token: string): string => createHash("sha256").update(token).digest("base64url");

export async function keyHolder(algorithm = "ES256"): Promise<KeyHolder> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const publicJwk = await exportJWK(publicKey);
  return {
    publicJwk,
    privateJwk: await exportJWK(privateKey),
    thumbprint: await calculateJwkThumbprint(publicJwk),
    proof: ({ token, url }, { claims = {}, header = {}, signer = privateKey } = {}) =>
      new SignJWT({
        htm: "POST",
        htu: url,
        iat: Math.floor(Date.now() / 1_000),
        jti: randomUUID(),
        ath: hashOf(token),
        ...claims,
      })
        .setProtectedHeader({ typ: "dpop+jwt", alg: algorithm, jwk: publicJwk, ...header })
        .sign(signer),
  };
}
