/** Decides who a request is from: the one way in for every kind of caller. */
import { hash } from "node:crypto";
import type { Socket } from "node:net";

import { isRefusal, refuse, type Refusal } from "@smcp/core";

import type { Arrival } from "../exchange/facts.ts";
import { challenge, challengeBound, challengeProof, NONCE_HEADER } from "./challenge.ts";
import { readCredential, type Credential } from "./credential.ts";
import { NEEDS_NONCE, type ProofJudge } from "./dpop.ts";
import type { Nonces } from "./dpop-nonce.ts";
import { anonymous, type Principal } from "./principal.ts";
import type { TokenValidator, Verdict } from "./validator.ts";
import type { VerifiedToken } from "./verify.ts";

/** Knows every caller, or, without a validator, asks nobody. */
export class Callers {
  readonly #validator: TokenValidator | undefined;
  readonly #proofs: ProofJudge;
  readonly #nonces: Nonces | undefined;

  /** @param nonces present: proofs need one */
  constructor(validator: TokenValidator | undefined, proofs: ProofJudge, nonces?: Nonces) {
    this.#validator = validator;
    this.#proofs = proofs;
    this.#nonces = nonces;
  }

  /** True when callers must show a credential. */
  get areAsked(): boolean {
    return this.#validator !== undefined;
  }

  /**
   * Who a request is from, by its headers alone.
   *
   * @param resourcePath the path of the resource that is asked for; its public URL is an audience that a token may have
   */
  identify(arrival: Arrival, resourcePath: string): Principal | Refusal | Promise<Principal | Refusal> {
    const validator = this.#validator;
    if (!validator) return anonymous;
    const header = arrival.admitted.headers.get("authorization");
    const connection: Connection = arrival.incoming.socket;
    const known = connection[LAST];
    // A credential of this connection that still holds is compared, not read and hashed again.
    if (known?.header === header && known?.validator === validator && validator.holds(known.verdict)) {
      return this.#judge(known, arrival, resourcePath);
    }
    const credential = readCredential(header);
    if (!credential) {
      const refusal = refuse(credential === undefined ? "SIGN_IN_NEEDED" : "TOKEN_INVALID");
      return challenge(refusal, metadataOf(arrival, resourcePath), credential === null);
    }
    const settle = (verdict: Verdict): Principal | Refusal | Promise<Principal | Refusal> => {
      const fresh = { header, credential, validator, verdict };
      connection[LAST] = fresh;
      return this.#judge(fresh, arrival, resourcePath);
    };
    const verdict = validator.validate(credential.token);
    return verdict instanceof Promise ? verdict.then(settle) : settle(verdict);
  }

  /** What a verdict means for this request: its audience, and the proof where the token is bound to a key. */
  #judge(known: Remembered, arrival: Arrival, path: string): Principal | Refusal | Promise<Principal | Refusal> {
    const { credential, validator, verdict } = known;
    const { answer } = verdict;
    const token = isRefusal(answer) ? answer : forUs(answer, validator, arrival, path);
    const isProved = credential.scheme === "dpop";
    if (isRefusal(token)) return refuseToken(token, isProved, metadataOf(arrival, path));
    const { principal, boundTo } = token;
    if (!isProved && boundTo === undefined) return principal;
    if (isProved && boundTo !== undefined) return this.#prove(known, token, arrival, path);
    const reason = isProved
      ? "it is bound to no key, and comes as if it were"
      : "it is bound to a key, and comes alone";
    return refuseToken(refuse("TOKEN_INVALID", undefined, { reason }), true, metadataOf(arrival, path));
  }

  /** Judges the proof anew with every request, however well its token is known. */
  async #prove(
    known: Remembered,
    { principal, boundTo = "" }: VerifiedToken,
    arrival: Arrival,
    path: string,
  ): Promise<Principal | Refusal> {
    const { method, target, headers } = arrival.admitted;
    const nonces = this.#nonces;
    const broken = await this.#proofs.judge(headers.get("dpop"), {
      method,
      url: arrival.origin + target.path,
      tokenHash: (known.tokenHash ??= hash("sha256", known.credential.token, "base64url")),
      thumbprint: boundTo,
      isNonce: nonces && ((nonce) => nonces.isGood(nonce)),
    });
    if (broken === undefined) {
      // Who goes on calling never meets a nonce that is over.
      if (nonces) arrival.reply.onHead((head) => head.headers.push(NONCE_HEADER, nonces.newest));
      return principal;
    }
    const needsNonce = broken === NEEDS_NONCE;
    const refusal = refuse(needsNonce ? "PROOF_NONCE" : "PROOF_INVALID", undefined, { reason: `the proof: ${broken}` });
    return challengeProof(refusal, metadataOf(arrival, path), needsNonce ? nonces?.newest : undefined);
  }
}

/** What the last credential of a connection was found to be: the next request on it mostly brings the same one. */
interface Remembered {
  readonly header: string | undefined;
  readonly credential: Credential;
  /** Its token's SHA-256 in base64url, where a proof asked for it. */
  tokenHash?: string;
  readonly validator: TokenValidator;
  readonly verdict: Verdict;
}

const LAST = Symbol("last credential");
type Connection = Socket & { [LAST]?: Remembered };

/** RFC 9728's well-known place for a resource's metadata; the resource's own path follows. */
export const METADATA_PATH = "/.well-known/oauth-protected-resource";

function metadataOf({ origin }: Arrival, resourcePath: string): string {
  return `${origin}${METADATA_PATH}${resourcePath === "/" ? "" : resourcePath}`;
}

function refuseToken(refusal: Refusal, isBound: boolean, metadata: string): Refusal {
  if (refusal.refused !== "TOKEN_INVALID") return refusal;
  return isBound ? challengeBound(refusal, metadata) : challenge(refusal, metadata, true);
}

function forUs(
  token: VerifiedToken,
  validator: TokenValidator,
  arrival: Arrival,
  path: string,
): VerifiedToken | Refusal {
  if (validator.isAudienceOf(token)) return token;
  // A Host that anybody may choose is no audience: a token for another service would pass under that service's name.
  const resources = arrival.isOriginOurs ? [arrival.origin, `${arrival.origin}/`, `${arrival.origin}${path}`] : [];
  if (token.audiences.some((one) => resources.includes(one))) return token;
  return refuse("TOKEN_INVALID", undefined, { reason: "its audience is another service" });
}
