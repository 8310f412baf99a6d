/**
 * Signing out: what is stored goes first, then the issuer and the server are told, so that neither an outage nor Ctrl-C
 * leaves somebody signed in on this machine.
 */
import type { ClientSettings } from "@smcp/config";
import { describeError, systemClock, type Log } from "@smcp/core";

import { openSessionStore } from "../store/open.ts";
import { placeOf, type ProfilePlace } from "../store/place.ts";
import { storedPlaces, storedServers } from "../store/stored.ts";
import { boundedFetch, type BoundedFetch } from "../tokens/bounded-fetch.ts";
import { describeSession } from "../tokens/describe.ts";
import { Proofs } from "../tokens/dpop-proofs.ts";
import { ISSUER_TIMEOUT } from "../tokens/issuer-link.ts";
import type { Session } from "../tokens/session.ts";
import type { SignInState } from "../tokens/tokens.ts";
import { trustOf } from "../trust.ts";
import { sessionIssuers } from "./person-tokens.ts";
import type { RefreshIssuer } from "./refresh.ts";

/** What became of one token, or of the sign-in at the server. `unsupported`: the other side knows no such thing. */
export type Revocation = "revoked" | "unsupported" | "none" | { readonly failed: string };

/** One sign-in that was ended. */
export interface SignedOut {
  /** Who it was; `undefined` where the stored session could not be read. */
  readonly was: SignInState | undefined;
  /** False: its file is still there. */
  readonly isDeleted: boolean;
  readonly refreshToken: Revocation;
  readonly accessToken: Revocation;
  readonly server: Revocation;
}

/** Ends every sign-in of the settings' server and profile, whatever else they were asked for with. */
export async function signOut(settings: ClientSettings, log: Log): Promise<SignedOut[]> {
  const fetch = boundedFetch(ISSUER_TIMEOUT, trustOf(settings, log));
  const issuerOf = sessionIssuers(settings, fetch);
  const ended: SignedOut[] = [];
  for (const place of await storedPlaces(placeOf(settings))) {
    const { session, isDeleted } = await forget(place, log);
    const revoked = session ? await revokeAll(settings, session, issuerOf(session), fetch) : NOTHING;
    ended.push({ was: session && describeSession(session, systemClock.now()), isDeleted, ...revoked });
  }
  return ended;
}

/** The servers that somebody is signed in to under a profile, on this machine. */
export function signedInServers(stateFolder: string, profile: string): Promise<string[]> {
  return storedServers(stateFolder, profile);
}

type Revoked = Pick<SignedOut, "refreshToken" | "accessToken" | "server">;

const NOTHING: Revoked = { refreshToken: "none", accessToken: "none", server: "none" };

/** Under the lock: a renewal under way elsewhere would write the session again. */
async function forget(place: ProfilePlace, log: Log): Promise<{ session: Session | undefined; isDeleted: boolean }> {
  const store = await openSessionStore({ ...place, kind: "auto" }, log);
  const take = async (): Promise<{ session: Session | undefined; isDeleted: boolean }> => {
    const session = await store.read();
    return { session, isDeleted: await store.remove() };
  };
  try {
    return await store.exclusively(take);
  } catch (error) {
    log.warn(
      { reason: describeError(error) },
      "another smcp process is renewing the sign-in: it is deleted all the same",
    );
    return take();
  }
}

async function revokeAll(
  settings: ClientSettings,
  session: Session,
  issuer: RefreshIssuer,
  fetch: BoundedFetch,
): Promise<Revoked> {
  const { refreshToken, accessToken } = session;
  // The refresh token first: with it go, at many issuers, the access tokens that came of it.
  const refresh = refreshToken ? await revoke(issuer, refreshToken.reveal(), "refresh_token") : "none";
  const [access, server] = await Promise.all([
    typeof refresh === "object" ? refresh : revoke(issuer, accessToken.reveal(), "access_token"),
    tellServer(settings, session, fetch),
  ]);
  return { refreshToken: refresh, accessToken: access, server };
}

async function revoke(issuer: RefreshIssuer, token: string, hint: string): Promise<Revocation> {
  try {
    const { library, configuration } = await issuer.open();
    if (configuration.serverMetadata().revocation_endpoint === undefined) return "unsupported";
    await library.tokenRevocation(configuration, token, { token_type_hint: hint });
    return "revoked";
  } catch (error) {
    const { error: code } = error as { readonly error?: unknown };
    return code === "unsupported_token_type" ? "unsupported" : { failed: `${issuer.host}: ${describeError(error)}` };
  }
}

/** RFC 7009 at the smcp server, authorised by the token itself: it then refuses the token before its end. */
async function tellServer(
  { serverUrl }: ClientSettings,
  { accessToken, dpopKey }: Session,
  fetch: BoundedFetch,
): Promise<Revocation> {
  const token = accessToken.reveal();
  const url = `${serverUrl.origin}${serverUrl.pathname.replace(/\/+$/, "")}/auth/revoke`;
  try {
    const proofs = new Proofs();
    proofs.bind(accessToken, dpopKey);
    const dpop = await proofs.of(accessToken, "POST", url);
    const credential =
      dpop === undefined ? { authorization: `Bearer ${token}` } : { authorization: `DPoP ${token}`, dpop };
    const { status } = await fetch(url, {
      method: "POST",
      headers: { ...credential, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ token, token_type_hint: "access_token" }),
    });
    if (status === 200 || status === 204) return "revoked";
    // A server of before this route, one that knows the token no more.
    return status === 404 || status === 405 || status === 401
      ? "unsupported"
      : { failed: `${serverUrl.host} answered ${status}` };
  } catch (error) {
    return { failed: `${serverUrl.host}: ${describeError(error)}` };
  }
}
