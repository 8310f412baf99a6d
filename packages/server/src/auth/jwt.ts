/**
 * Reads a JWT without trusting it: the cheap checks that come before any key is looked up. Pure; steps 1 to 6 of the
 * order in which a token is judged.
 */
import type { Issuer } from "@smcp/config";

export type Claims = Readonly<Record<string, unknown>>;

/** A token's two readable parts, unverified. */
export interface UnverifiedToken {
  readonly header: Claims;
  readonly payload: Claims;
  readonly issuer: string;
}

const SHAPE = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** Members that name a key by themselves, and extensions that we do not know. */
const KEY_MEMBERS = ["jku", "x5u", "jwk", "x5c", "crit", "b64"];
/** JWTs of other kinds that the same keys sign. */
const OTHER_TYPES = new Set(["dpop+jwt", "logout+jwt", "secevent+jwt", "oauth-id-jag+jwt"]);
const ACCESS_TYPES = new Set(["", "jwt", "at+jwt"]);
/** Keycloak writes the kind of token into the payload. */
const OTHER_PAYLOAD_TYPES = new Set(["ID", "Refresh", "Logout"]);

/** Decodes a token that is shaped like a JWT with an issuer; `undefined` for anything else. */
export function readToken(token: string): UnverifiedToken | undefined {
  const parts = splitToken(token);
  const header = parts && decodePart(parts.head);
  const payload = parts && decodePart(parts.body);
  const issuer = payload?.["iss"];
  if (!header || !payload || typeof issuer !== "string") return undefined;
  return { header, payload, issuer };
}

/** The first two parts of a text that is shaped like a JWT, still encoded; `undefined` for anything else. */
export function splitToken(token: string): { readonly head: string; readonly body: string } | undefined {
  if (!SHAPE.test(token)) return undefined;
  const [head = "", body = "", signature = ""] = token.split(".");
  // Several spellings of one signature would be several tokens to whoever keys by the text.
  return isCanonicalBase64(signature) ? { head, body } : undefined;
}

/** The rule that a token breaks by its header or by being a token of another kind; `undefined` when it may be verified. */
export function refuseByKind({ header, payload }: UnverifiedToken, issuer: Issuer): string | undefined {
  const { alg, kid } = header;
  if (typeof alg !== "string" || !issuer.algorithms.includes(alg)) return "its algorithm is not in the issuer's list";
  const member = KEY_MEMBERS.find((one) => Object.hasOwn(header, one));
  if (member) return `its header has the member "${member}"`;
  if (kid !== undefined && (typeof kid !== "string" || kid.length > 256)) return "its key id is not a short string";
  return refuseByType(header["typ"], issuer) ?? (isAccessType(header["typ"]) ? undefined : refuseIdToken(payload));
}

function refuseByType(typ: unknown, { tokenTyp }: Issuer): string | undefined {
  if (typ !== undefined && typeof typ !== "string") return "its type is not a string";
  const type = shortType(typ);
  if (OTHER_TYPES.has(type)) return `it is a "${type}"`;
  const isGood = tokenTyp === "strict" ? isAccessType(typ) : ACCESS_TYPES.has(type);
  return isGood ? undefined : "its type is not that of an access token";
}

function isAccessType(typ: unknown): boolean {
  return typeof typ === "string" && shortType(typ) === "at+jwt";
}

function shortType(typ: string | undefined): string {
  return (typ ?? "").toLowerCase().replace(/^application\//, "");
}

/** ID tokens are signed by the same keys; only their claims tell. */
function refuseIdToken(payload: Claims): string | undefined {
  if (payload["at_hash"] !== undefined || payload["c_hash"] !== undefined) return "it is an ID token";
  if (payload["nonce"] !== undefined && payload["typ"] !== "Bearer") return "it is an ID token";
  if (payload["token_use"] !== undefined && payload["token_use"] !== "access") return "it is not for access";
  if (OTHER_PAYLOAD_TYPES.has(payload["typ"] as string)) return "it is not an access token";
  return undefined;
}

/** The JSON object in one part; `undefined` where there is none. */
export function decodePart(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}

function isCanonicalBase64(text: string): boolean {
  return Buffer.from(text, "base64url").toString("base64url") === text;
}
