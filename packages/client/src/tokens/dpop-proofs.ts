/**
 * Proofs of possession for requests to the server: one for each, made for it alone, never kept. Knows which tokens are
 * bound, and what the server wants in a proof: its nonce, its clock.
 */
import { hash, randomUUID, type webcrypto } from "node:crypto";

import type { Secret } from "@smcp/core";
import type { UpstreamHeaders } from "@smcp/edge";

import { DpopKey, SAME, secondsAhead } from "./dpop-key.ts";

interface Bound {
  readonly jwk: webcrypto.JsonWebKey;
  key?: Promise<DpopKey>;
  /** The token's SHA-256 in base64url. */
  tokenHash?: string;
}

// RFC 9449: what a nonce is made of.
const NONCE = /^[!#-[\]-~]{1,512}$/;

export class Proofs {
  readonly #bound = new WeakMap<Secret, Bound>();
  #nonce: string | undefined;
  /** How far the server's clock is ahead of ours, in seconds. */
  #ahead = 0;

  /** Takes notice of the key that a token is bound to, where it is. */
  bind(token: Secret, jwk: webcrypto.JsonWebKey | undefined): void {
    if (jwk && !this.#bound.has(token)) this.#bound.set(token, { jwk });
  }

  /**
   * The proof for one request; `undefined` for a token that is not bound. Rejects where the key cannot be used.
   *
   * @param url of the request; its query is no part of a proof
   */
  of(token: Secret, method: string, url: string): Promise<string> | undefined {
    const bound = this.#bound.get(token);
    return bound && this.#sign(bound, token, method, url);
  }

  /**
   * Takes from the server's answer what the next proof needs. True where the answer refused the proof for want of it: the
   * same token with another proof may be good.
   *
   * @param error of the challenge, where there is one
   */
  learn(headers: UpstreamHeaders, error: string | undefined): boolean {
    const { "dpop-nonce": nonce, date } = headers;
    const isNonce = typeof nonce === "string" && NONCE.test(nonce);
    if (isNonce) this.#nonce = nonce;
    if (error === "use_dpop_nonce") return isNonce;
    return error === "invalid_dpop_proof" && this.#follow(typeof date === "string" ? date : undefined);
  }

  #follow(date: string | undefined): boolean {
    const ahead = secondsAhead(date);
    if (ahead === undefined || Math.abs(ahead - this.#ahead) < SAME) return false;
    this.#ahead = ahead;
    return true;
  }

  async #sign(bound: Bound, token: Secret, htm: string, url: string): Promise<string> {
    const key = await (bound.key ??= DpopKey.open(bound.jwk));
    const ath = (bound.tokenHash ??= hash("sha256", token.reveal(), "base64url"));
    const iat = Math.floor(Date.now() / 1_000) + this.#ahead;
    const nonce = this.#nonce;
    const htu = url.split("?", 1)[0];
    return key.sign({ htm, htu, iat, jti: randomUUID(), ath, ...(nonce !== undefined && { nonce }) });
  }
}
