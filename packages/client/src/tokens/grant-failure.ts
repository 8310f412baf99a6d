/**
 * What a failed grant means for the caller: the issuer is away, or it refuses this client. Only the OAuth error code is
 * shown: a description may repeat what was sent.
 */
import { describeError, refuse, type Duration, type Refusal } from "@smcp/core";

import { IssuerUnusable, responseOf } from "./issuer-link.ts";
import type { GrantRefused } from "./kept.ts";

const CODE = /^[\w.-]{1,64}$/;
// Errors that say "not now": everything else that an issuer answers will be its answer tomorrow too.
const PASSING: ReadonlySet<string> = new Set(["temporarily_unavailable", "server_error", "slow_down"]);

const ADVICE: Readonly<Record<string, string>> = {
  invalid_client: "check --oidc-client-id and the client secret",
  invalid_scope: "check --oidc-scopes",
  invalid_target: "give --oidc-resource off, or the resource that the provider knows",
  unauthorized_client: "the provider must allow this client the client credentials grant",
};

/** Reads an error of openid-client or of our own. */
export function grantFailure(error: unknown, host: string): GrantRefused {
  const reason = describeError(error);
  if (error instanceof IssuerUnusable) return { refusal: refused(`the identity provider ${host} ${reason}`) };
  const { error: code, code: kind } = error as { error?: unknown; code?: unknown };
  const response = responseOf(error);
  const isPassing = response !== undefined && (response.status >= 500 || response.status === 429);
  if (typeof code === "string" && !isPassing && !PASSING.has(code))
    return { refusal: refusedByIssuer(error, host, code) };
  if (kind === "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED") {
    return {
      refusal: refused(`the identity provider ${host} calls itself by another name: check --oidc-issuer`, reason),
    };
  }
  const retryAfter = retryAfterOf(response);
  return {
    refusal: refuse("ISSUER_AWAY", {}, { reason: `${host}: ${reason}` }),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

function refusedByIssuer(error: unknown, host: string, code: string): Refusal {
  const shown = CODE.test(code) ? code : "an unknown error";
  // Entra says what is wrong by number, in a text that is otherwise not for us.
  const { error_description: description } = error as { error_description?: unknown };
  const number = typeof description === "string" ? /\bAADSTS\d{1,9}\b/.exec(description)?.[0] : undefined;
  const isResource = code === "invalid_target" || number === "AADSTS9010010";
  const advice = ADVICE[isResource ? "invalid_target" : code];
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
