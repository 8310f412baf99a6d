/**
 * What a failed grant means for the caller: the issuer is away, or it refuses this client. Only the OAuth error code is
 * shown: a description may repeat what was sent.
 */
import { describeError, refuse, type Duration, type Refusal } from "@smcp/core";

import { responseOf } from "./issuer-link.ts";
import { IssuerUnusable } from "./issuer-metadata.ts";
import type { GrantRefused } from "./kept.ts";
import { SecretFileUnusable } from "./secret-file.ts";

const CODE = /^[\w.-]{1,64}$/;
// Errors that say "not now": everything else that an issuer answers will be its answer tomorrow too.
const PASSING: ReadonlySet<string> = new Set(["temporarily_unavailable", "server_error", "slow_down"]);

const ADVICE: Readonly<Record<string, string>> = {
  invalid_client: "check --oidc-client-id and the client secret",
  invalid_scope: "check --oidc-scopes",
  invalid_target: "give --oidc-resource off, or the resource that the provider knows",
};

/** Which grant was asked for, as a person calls it. */
export type GrantKind = "client credentials" | "authorization code" | "device code" | "refresh token";

/** Reads an error of openid-client or of our own. */
export function grantFailure(error: unknown, host: string, grant: GrantKind = "client credentials"): GrantRefused {
  const own = sentenceOf(error, host);
  if (own !== undefined) return { refusal: refused(own) };
  const { error: code, code: kind } = error as { error?: unknown; code?: unknown };
  const response = responseOf(error);
  const isPassing = response !== undefined && (response.status >= 500 || response.status === 429);
  if (typeof code === "string" && !isPassing && !PASSING.has(code))
    return { refusal: refusedByIssuer(error, host, code, grant) };
  const reason = describeError(error);
  // Of an answer that a browser brought: it was tampered with, or is another provider's.
  if (typeof kind === "string" && grant === "authorization code" && UNTRUSTED.has(kind)) {
    return { refusal: refused(`the answer that came back from ${host} cannot be trusted (${kind})`, reason) };
  }
  const retryAfter = retryAfterOf(response);
  return {
    refusal: refuse("ISSUER_AWAY", {}, { reason: `${host}: ${reason}` }),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

/** What an error of our own says; `undefined` for any other. */
function sentenceOf(error: unknown, host: string): string | undefined {
  if (error instanceof IssuerUnusable) return `the identity provider ${host} ${error.message}`;
  const { cause } = error as { cause?: unknown };
  const own = error instanceof SecretFileUnusable ? error : cause;
  return own instanceof SecretFileUnusable ? own.message : undefined;
}

/** What openid-client calls an answer whose issuer, state, nonce or times are wrong. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  "OAUTH_INVALID_RESPONSE",
  "OAUTH_JWT_CLAIM_COMPARISON_FAILED",
  "OAUTH_JWT_TIMESTAMP_CHECK_FAILED",
  "OAUTH_UNSUPPORTED_OPERATION",
]);

function refusedByIssuer(error: unknown, host: string, code: string, grant: GrantKind): Refusal {
  const isPerson = grant === "authorization code" || grant === "device code";
  if (code === "access_denied" && isPerson) return refused(`the sign-in at ${host} was declined`);
  const shown = CODE.test(code) ? code : "an unknown error";
  // Entra says what is wrong by number, in a text that is otherwise not for us.
  const { error_description: description } = error as { error_description?: unknown };
  const number = typeof description === "string" ? /\bAADSTS\d{1,9}\b/.exec(description)?.[0] : undefined;
  const isResource = code === "invalid_target" || number === "AADSTS9010010";
  const advice =
    code === "unauthorized_client"
      ? `the provider must allow this client the ${grant} grant`
      : ADVICE[isResource ? "invalid_target" : code];
  const sentence = `the identity provider ${host} refused this client: ${shown}${number ? ` (${number})` : ""}`;
  return refused(advice === undefined ? sentence : `${sentence}; ${advice}`);
}

function refused(sentence: string, reason = sentence): Refusal {
  return refuse("SIGN_IN_REFUSED", { reason: sentence }, { reason });
}

function retryAfterOf(response: Response | undefined): Duration | undefined {
  const value = response?.headers.get("retry-after");
  return value && /^\d{1,6}$/.test(value) ? Number(value) * 1_000 : undefined;
}
