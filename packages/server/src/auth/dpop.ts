/**
 * Judges proofs of possession (DPoP, RFC 9449): that whoever sends a token holds the key that the token is bound to, made
 * the proof for this request, and just now. With every request: what is remembered is keys, never verdicts.
 */

import type { Clock } from "@smcp/core";

import { openProofKey, type ProofKey } from "./dpop-key.ts";
import { Replays } from "./dpop-replays.ts";
import { decodePart, splitToken, type Claims } from "./jwt.ts";

/** What a proof must be about. */
export interface ProofRules {
  readonly method: string;
  /** As the caller sees it: origin and path. */
  readonly url: string;
  /** The token's SHA-256 in base64url. */
  readonly tokenHash: string;
  /** The thumbprint of the key that the token is bound to. */
  readonly thumbprint: string;
  /** Where proofs need a nonce: whether this is one. */
  readonly isNonce?: ((nonce: unknown) => boolean) | undefined;
}

/** What is wrong with a proof that has everything but a nonce. */
export const NEEDS_NONCE = "it has no nonce of this server, or an old one";

/** How old a proof may be, and how far in the future, in seconds. */
const MAX_AGE = 60;
const MAX_AHEAD = 5;
const LONGEST_PROOF = 4_096;
const LONGEST_ID = 256;
const MAX_KEYS = 10_000;

export class ProofJudge {
  readonly #clock: Clock;
  readonly #replays: Replays;
  /** By the text of the header: every proof of one client has the same. */
  readonly #keys = new Map<string, ProofKey>();

  constructor(clock: Clock) {
    this.#clock = clock;
    // As long as a proof from the future stays good, and a second for the swap.
    this.#replays = new Replays(clock, (MAX_AGE + MAX_AHEAD + 1) * 1_000);
  }

  /**
   * The rule that a request's proof breaks; `undefined` for a good one, which is good this once.
   *
   * @param proof the value of its `DPoP` header; two of them are joined by a comma and are none
   */
  async judge(proof: string | undefined, rules: ProofRules): Promise<string | undefined> {
    if (proof === undefined) return "there is none";
    const parts = proof.length > LONGEST_PROOF ? undefined : splitToken(proof);
    const payload = parts && decodePart(parts.body);
    if (!parts || !payload) return "it is not one JWT";
    const key = this.#keys.get(parts.head) ?? (await openProofKey(decodePart(parts.head) ?? {}));
    if (typeof key === "string") return key;
    if (!(await isSigned(proof, key))) return "its signature is not by its key";
    return brokenClaim(payload, rules, this.#clock.now() / 1_000) ?? this.#take(parts.head, key, payload, rules);
  }

  /** Everything holds but perhaps the key, and the proof may have been used before. */
  #take(head: string, key: ProofKey, { jti, nonce }: Claims, rules: ProofRules): string | undefined {
    const { thumbprint, isNonce } = rules;
    if (key.thumbprint !== thumbprint) return "its key is not the one that the token is bound to";
    this.#keep(head, key);
    if (!this.#replays.isFirst(thumbprint, jti as string)) return "it was used before";
    return isNonce?.(nonce) === false ? NEEDS_NONCE : undefined;
  }

  #keep(head: string, key: ProofKey): void {
    if (this.#keys.has(head)) return;
    if (this.#keys.size >= MAX_KEYS) {
      const oldest = this.#keys.keys().next().value;
      if (oldest !== undefined) this.#keys.delete(oldest);
    }
    this.#keys.set(head, key);
  }
}

async function isSigned(proof: string, { key, algorithm }: ProofKey): Promise<boolean> {
  try {
    const { compactVerify } = await import("jose");
    await compactVerify(proof, key, { algorithms: [algorithm] });
    return true;
  } catch {
    return false;
  }
}

/** @param now in seconds */
function brokenClaim(payload: Claims, rules: ProofRules, now: number): string | undefined {
  const { htm, htu, iat, ath, jti } = payload;
  if (htm !== rules.method) return `it is not for ${rules.method}`;
  if (!isUrl(htu, rules.url)) return `it is not for ${rules.url}`;
  if (typeof iat !== "number") return "it has no time";
  if (iat < now - MAX_AGE) return `it is ${Math.round(now - iat)} s old`;
  if (iat > now + MAX_AHEAD) return `it is ${Math.round(iat - now)} s ahead of this clock`;
  if (ath !== rules.tokenHash) return "it is for another token";
  return typeof jti === "string" && jti !== "" && jti.length <= LONGEST_ID ? undefined : "it has no short name";
}

/** Whether a proof's URL is the request's, but for its query, its fragment and spellings of one and the same URL. */
function isUrl(found: unknown, expected: string): boolean {
  if (found === expected) return true;
  const [theirs, ours] = [typeof found === "string" ? URL.parse(found) : null, URL.parse(expected)];
  return theirs !== null && ours !== null && theirs.origin === ours.origin && theirs.pathname === ours.pathname;
}
