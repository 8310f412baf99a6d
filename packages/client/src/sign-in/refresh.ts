/** The refresh request, by openid-client: a new access token for a stored session, without the person. */
import { refuse, type Clock } from "@smcp/core";

import { bindingOf, boundGrant } from "../tokens/dpop-grant.ts";
import { grantFailure } from "../tokens/grant-failure.ts";
import type { OpenIssuer } from "../tokens/issuer-link.ts";
import type { GrantRefused } from "../tokens/kept.ts";
import type { Session } from "../tokens/session.ts";
import { sessionOf } from "./session-of.ts";

/** The issuer of a session, reached as the client that the session belongs to. */
export interface RefreshIssuer {
  /** For messages. */
  readonly host: string;
  /** Rejects with openid-client's errors, or one that says why the issuer cannot be used. */
  open(): Promise<OpenIssuer>;
}

/** Refreshes a session; what the answer leaves out stays as it was. Bounded by the issuer's time-outs; never rejects. */
export async function refreshSession(
  session: Session,
  issuer: RefreshIssuer,
  clock: Clock,
): Promise<Session | GrantRefused> {
  const { refreshToken, resource } = session;
  try {
    if (!refreshToken) throw new TypeError("a session without a refresh token was to be refreshed");
    const [open, binding] = await Promise.all([issuer.open(), bindingOf(session)]);
    const at = clock.now();
    // The resource again: without it some issuers refuse, others give a token that is good nowhere.
    const parameters = resource === undefined ? {} : { resource };
    const answer = await boundGrant(open, binding, (options) =>
      open.library.refreshTokenGrant(open.configuration, refreshToken.reveal(), parameters, options),
    );
    const renewed = sessionOf(answer, session, at);
    const isSame = renewed.subject === undefined || renewed.subject === (session.subject ?? renewed.subject);
    return isSame ? { ...session, ...stated(renewed) } : anotherPerson(issuer.host);
  } catch (error) {
    const failure = grantFailure(error, issuer.host, "refresh token");
    const { error: code } = error as { readonly error?: unknown };
    const isAnswer = typeof code === "string" && failure.refusal.refused !== "ISSUER_AWAY";
    return isAnswer ? { ...failure, error: code } : failure;
  }
}

/** Nobody may become somebody else by a renewal: the person is asked. */
function anotherPerson(host: string): GrantRefused {
  const reason = `the identity provider ${host} renewed the sign-in for another person`;
  return { refusal: refuse("SIGN_IN_REFUSED", { reason }, { reason }), error: "invalid_grant" };
}

/** The members that the answer has something to say about; the lifetime is always the new token's. */
function stated(renewed: Session): Session {
  const { lifetime } = renewed;
  const members = Object.entries(renewed).filter(([, value]) => value !== undefined);
  return { ...(Object.fromEntries(members) as unknown as Session), lifetime };
}
