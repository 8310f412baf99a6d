/** A session as text and back. What is read may be broken or from another version: nothing of it is believed unseen. */
import { Secret } from "@smcp/core";

import type { Session } from "../tokens/session.ts";

/** The session as JSON, tokens in clear: for a file that is private or sealed, and for nothing else. */
export function sessionText(session: Session): string {
  const { accessToken, refreshToken, idToken, registration, ...rest } = session;
  return JSON.stringify({
    ...rest,
    accessToken: accessToken.reveal(),
    refreshToken: refreshToken?.reveal(),
    idToken: idToken?.reveal(),
    registration: registration && { clientSecret: registration.clientSecret?.reveal() },
  });
}

/** The session in a parsed text, `undefined` where there is none that is whole. */
export function sessionIn(found: unknown): Session | undefined {
  if (!isObject(found)) return undefined;
  const { issuer, clientId, accessToken, obtainedAt, scopes } = found;
  if (!isText(issuer) || !isText(clientId) || !isText(accessToken) || !isTime(obtainedAt)) return undefined;
  if (!URL.canParse(issuer) || !Array.isArray(scopes) || !scopes.every(isText)) return undefined;
  const { registration, dpopKey, lifetime } = found;
  return {
    issuer,
    clientId,
    scopes,
    resource: textIn(found["resource"]),
    accessToken: new Secret(accessToken),
    obtainedAt,
    lifetime: isTime(lifetime) ? lifetime : undefined,
    refreshToken: secretIn(found["refreshToken"]),
    idToken: secretIn(found["idToken"]),
    subject: textIn(found["subject"]),
    name: textIn(found["name"]),
    email: textIn(found["email"]),
    dpopKey: isObject(dpopKey) ? dpopKey : undefined,
    registration: isObject(registration) ? registrationIn(registration) : undefined,
  };
}

function registrationIn(found: Readonly<Record<string, unknown>>): Session["registration"] {
  const clientSecret = secretIn(found["clientSecret"]);
  return clientSecret ? { clientSecret } : {};
}

function secretIn(value: unknown): Secret | undefined {
  return isText(value) ? new Secret(value) : undefined;
}

function textIn(value: unknown): string | undefined {
  return isText(value) ? value : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
