/** What may be told of a session: who, where, until when. Never a token. */
import type { PendingSignIn } from "../sign-in/sign-in.ts";
import type { Session } from "./session.ts";
import { lifetimeOfJwt } from "./lifetime.ts";
import type { SignInState } from "./tokens.ts";

/**
 * A stored session as it is shown.
 *
 * @param now wall clock
 */
export function describeSession(session: Session, now: number): SignInState {
  const lifetime = session.lifetime ?? lifetimeOfJwt(session.accessToken.reveal());
  const expiresAt = lifetime === undefined ? undefined : session.obtainedAt + lifetime;
  const isRenewable = session.refreshToken !== undefined;
  const isOver = expiresAt !== undefined && expiresAt <= now && !isRenewable;
  return {
    state: isOver ? "signed-out" : "signed-in",
    ...identityOf(session),
    isRenewable,
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

/** Who is signed in where. */
export function identityOf(session: Session): Partial<SignInState> {
  const { issuer, clientId, scopes, subject, name, email } = session;
  return {
    issuer,
    clientId,
    scopes,
    ...(subject !== undefined && { subject }),
    ...(name !== undefined && { name }),
    ...(email !== undefined && { email }),
  };
}

/** What a person has to open while signing in. */
export function promptOf({ url, code }: PendingSignIn): Partial<SignInState> {
  return { url, ...(code !== undefined && { code }) };
}
