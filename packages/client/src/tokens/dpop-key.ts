/**
 * A key that tokens are bound to (DPoP, RFC 9449): P-256, made here, kept beside the tokens. At the issuer openid-client
 * proves it; for the server the proofs are signed here, for that library would send the requests as well.
 */
import { webcrypto } from "node:crypto";

import type { Configuration, DPoPHandle } from "openid-client";

import type { OpenIssuer } from "./issuer-link.ts";
import { SecretFileUnusable } from "./secret-file.ts";

/** The algorithm of its signatures. */
export const PROOF_ALGORITHM = "ES256";

const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };
const { subtle } = webcrypto;

export class DpopKey {
  /** The private key, to be kept. */
  readonly jwk: webcrypto.JsonWebKey;
  readonly #pair: webcrypto.CryptoKeyPair;
  /** The same for each proof. */
  readonly #head: string;
  #atIssuer: { readonly configuration: Configuration; readonly handle: DPoPHandle } | undefined;
  /** How far the issuer's clock is ahead of ours, in seconds. */
  #ahead = 0;

  private constructor(jwk: webcrypto.JsonWebKey, pair: webcrypto.CryptoKeyPair) {
    this.jwk = jwk;
    this.#pair = pair;
    this.#head = encode({ typ: "dpop+jwt", alg: PROOF_ALGORITHM, jwk: publicHalf(jwk) });
  }

  static async make(): Promise<DpopKey> {
    const pair = await subtle.generateKey(CURVE, true, ["sign", "verify"]);
    const { kty, crv, x, y, d } = await subtle.exportKey("jwk", pair.privateKey);
    return new DpopKey({ kty, crv, x, y, d } as webcrypto.JsonWebKey, pair);
  }

  /**
   * Opens a key that was kept.
   *
   * @throws {SecretFileUnusable} where it is none
   */
  static async open(jwk: webcrypto.JsonWebKey): Promise<DpopKey> {
    const { d } = jwk;
    const half = publicHalf(jwk);
    try {
      const [privateKey, publicKey] = await Promise.all([
        subtle.importKey("jwk", { ...half, d } as webcrypto.JsonWebKey, CURVE, false, ["sign"]),
        subtle.importKey("jwk", half, CURVE, true, ["verify"]),
      ]);
      return new DpopKey(jwk, { privateKey, publicKey });
    } catch {
      // What the parser says may quote the key.
      throw new SecretFileUnusable(
        "the key of the stored sign-in cannot be used: smcp logout, then smcp login, makes another",
      );
    }
  }

  /** The key as openid-client takes it; with the issuer's nonces, as long as it is the same issuer. */
  handleFor({ library, configuration }: OpenIssuer): DPoPHandle {
    if (this.#atIssuer?.configuration !== configuration) {
      const handle = library.getDPoPHandle(configuration, this.#pair, {
        [library.modifyAssertion]: (_, payload) => {
          if (typeof payload["iat"] === "number") payload["iat"] += this.#ahead;
        },
      });
      this.#atIssuer = { configuration, handle };
    }
    return this.#atIssuer.handle;
  }

  /** Takes the issuer's clock for its proofs. True where it is another than so far. */
  follow(date: string | null): boolean {
    const ahead = secondsAhead(date);
    if (ahead === undefined || Math.abs(ahead - this.#ahead) < SAME) return false;
    this.#ahead = ahead;
    return true;
  }

  /** A proof with these claims. */
  async sign(claims: Readonly<Record<string, unknown>>): Promise<string> {
    const text = `${this.#head}.${encode(claims)}`;
    const signature = await subtle.sign(SIGNATURE, this.#pair.privateKey, Buffer.from(text, "latin1"));
    return `${text}.${Buffer.from(signature).toString("base64url")}`;
  }
}

/** Two clocks that differ by less are the same, as far as `Date` headers can tell. */
export const SAME = 2;

/** How many seconds a `Date` header is ahead of this machine's clock; `undefined` where it says nothing. */
export function secondsAhead(date: string | null | undefined): number | undefined {
  const there = Date.parse(date ?? "");
  return Number.isNaN(there) ? undefined : Math.round((there - Date.now()) / 1_000);
}

function publicHalf({ kty, crv, x, y }: webcrypto.JsonWebKey): webcrypto.JsonWebKey {
  return { kty, crv, x, y } as webcrypto.JsonWebKey;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
