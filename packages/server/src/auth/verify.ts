/** Verifies one token of one issuer: the signature, then every claim that decides. Steps 7 to 14. */
import { errors, jwtVerify, type JWTPayload } from "jose";

import type { Issuer } from "@smcp/config";
import { refuse, type Refusal } from "@smcp/core";

import { brokenRule } from "./claims.ts";
import type { Claims } from "./jwt.ts";
import type { KeyResolver } from "./key-set.ts";
import { tell, type Principal } from "./principal.ts";

/** A token that is good, as far as its issuer goes; whether it is meant for us depends on `audiences`. */
export interface VerifiedToken {
  readonly principal: Principal;
  readonly audiences: readonly string[];
  /** Seconds since 1970. */
  readonly expires: number;
  /** The thumbprint of the key that the token is bound to: without a proof of that key it is good for nothing. */
  readonly boundTo: string | undefined;
}

/** Seconds that two clocks may differ. */
export const CLOCK_TOLERANCE = 30;
/** Longest life of a token, in seconds. */
const MAX_LIFETIME = 86_400;
const MAX_KEYS_TRIED = 4;

export async function verifyToken(token: string, issuer: Issuer, keys: KeyResolver): Promise<VerifiedToken | Refusal> {
  let payload: JWTPayload;
  try {
    payload = await checkSignature(token, issuer, keys);
  } catch (error) {
    if (error instanceof errors.JOSEError) return invalid(`${error.code}: ${error.message}`);
    throw error;
  }
  return judgeClaims(payload, issuer);
}

async function checkSignature(token: string, issuer: Issuer, keys: KeyResolver): Promise<JWTPayload> {
  const options = {
    issuer: issuer.issuer,
    algorithms: [...issuer.algorithms],
    requiredClaims: ["exp", "iat", "sub"],
    clockTolerance: CLOCK_TOLERANCE,
    maxTokenAge: MAX_LIFETIME,
  };
  try {
    return (await jwtVerify(token, keys, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    return await tryEach(token, error, options);
  }
}

/** A token without a key id, or two keys with one id: any of the first few may have signed it. */
async function tryEach(
  token: string,
  several: errors.JWKSMultipleMatchingKeys,
  options: Parameters<typeof jwtVerify>[2],
): Promise<JWTPayload> {
  let tried = 0;
  for await (const key of several) {
    if (++tried > MAX_KEYS_TRIED) break;
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}

function judgeClaims(payload: Claims & JWTPayload, issuer: Issuer): VerifiedToken | Refusal {
  const clientId = [payload["azp"], payload["client_id"], payload["cid"]].find((one) => typeof one === "string");
  const audiences = readAudiences(payload.aud);
  const reason = refuseByClaims(payload, audiences) ?? refuseByClient(clientId, issuer);
  if (reason) return invalid(reason);
  if (hasGroupsOverage(payload)) return refuse("CLAIM_MISSING", undefined, { reason: "groups_overage" });
  const broken = brokenRule(issuer.requiredClaims, payload, false) ?? brokenRule(issuer.optionalClaims, payload, true);
  if (broken !== undefined)
    return refuse("CLAIM_MISSING", undefined, { reason: `the claim "${broken}" breaks its rule` });
  const { sub = "", exp = 0 } = payload;
  const { jkt: boundTo } = (payload["cnf"] ?? {}) as { jkt?: string };
  return { principal: toPrincipal(payload, sub, clientId, issuer), audiences, expires: exp, boundTo };
}

function refuseByClaims(payload: JWTPayload, audiences: readonly string[]): string | undefined {
  const { exp = 0, iat = 0, sub } = payload;
  if (typeof sub !== "string" || sub === "" || sub.length > 512) return "its subject is not a short string";
  if (!Number.isSafeInteger(exp) || exp - iat > MAX_LIFETIME) return "it lives for longer than a day";
  if (audiences.length === 0 || audiences.length > 5) return "it has no audience, or more than five";
  return isKnownBinding(payload["cnf"]) ? undefined : "it is bound to something that cannot be proved here";
}

/** A binding that is not understood is not kept either: only the thumbprint of a key is, alone. */
function isKnownBinding(cnf: unknown): boolean {
  if (cnf === undefined) return true;
  if (typeof cnf !== "object" || cnf === null || Object.keys(cnf).join() !== "jkt") return false;
  const { jkt } = cnf as Claims;
  return typeof jkt === "string" && /^[A-Za-z0-9_-]{43}$/.test(jkt);
}

function refuseByClient(clientId: string | undefined, { allowedClients }: Issuer): string | undefined {
  if (allowedClients.length === 0 || allowedClients.includes(clientId ?? "")) return undefined;
  return "its client is not in the issuer's list";
}

function toPrincipal(payload: Claims, subject: string, clientId: string | undefined, issuer: Issuer): Principal {
  const text = (name: string): string | undefined => {
    const value = payload[name];
    return typeof value === "string" ? value : undefined;
  };
  const email = payload["email_verified"] === false ? undefined : text("email");
  const groups = Object.hasOwn(payload, issuer.groupsClaim) ? payload[issuer.groupsClaim] : undefined;
  return Object.freeze({
    kind: "oidc",
    issuer: issuer.issuer,
    subject,
    name: text("preferred_username") ?? text("name"),
    email,
    clientId,
    groups: Array.isArray(groups) ? groups.filter((one) => typeof one === "string") : [],
    key: `${issuer.issuer}\n${subject}`,
    told: tell(subject, email),
  });
}

function readAudiences(aud: unknown): readonly string[] {
  if (typeof aud === "string") return [aud];
  return Array.isArray(aud) ? aud.filter((one) => typeof one === "string") : [];
}

/** Entra leaves groups out where they are too many: without this, deny rules on groups would vanish silently. */
function hasGroupsOverage(payload: Claims): boolean {
  const names = payload["_claim_names"];
  return payload["hasgroups"] === true || (typeof names === "object" && names !== null && "groups" in names);
}

function invalid(reason: string): Refusal {
  return refuse("TOKEN_INVALID", undefined, { reason });
}
