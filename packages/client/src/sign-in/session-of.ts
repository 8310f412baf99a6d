/** What a token answer and its ID token say, as a session. */
import { Secret } from "@smcp/core";
import type { TokenEndpointResponse, TokenEndpointResponseHelpers } from "openid-client";

import { isBound } from "../tokens/dpop-grant.ts";
import type { Session } from "../tokens/session.ts";

/** What was asked for. */
export interface Asked {
  readonly issuer: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly resource: string | undefined;
  readonly registration: Session["registration"];
  /** The key that the tokens were to be bound to. */
  readonly dpopKey: Session["dpopKey"];
}

/**
 * Builds it.
 *
 * @param at when the request for it was sent, wall clock: the issuer counts from later
 */
export function sessionOf(
  answer: TokenEndpointResponse & TokenEndpointResponseHelpers,
  asked: Asked,
  at: number,
): Session {
  const claims = answer.claims() ?? {};
  const { sub, name, email, preferred_username: login } = claims as Readonly<Record<string, unknown>>;
  const { access_token: accessToken, refresh_token: refreshToken, id_token: idToken, expires_in: seconds } = answer;
  return {
    ...asked,
    scopes: answer.scope === undefined ? asked.scopes : answer.scope.split(" ").filter((one) => one !== ""),
    accessToken: new Secret(accessToken),
    obtainedAt: at,
    lifetime: seconds === undefined ? undefined : seconds * 1_000,
    refreshToken: refreshToken === undefined ? undefined : new Secret(refreshToken),
    idToken: idToken === undefined ? undefined : new Secret(idToken),
    subject: words(sub),
    name: words(name) ?? words(login),
    email: words(email),
    dpopKey: isBound(answer) ? asked.dpopKey : undefined,
  };
}

const LONGEST = 200;

/** A claim that is shown to people: one short line. */
function words(value: unknown): string | undefined {
  if (typeof value !== "string" || value === "") return undefined;
  return value.slice(0, LONGEST).replace(/[\p{Cc}\p{Cf}]+/gu, " ");
}
