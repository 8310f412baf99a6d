/** Puts a person's sign-in together: the store of their profile, the refresh, the interactive flows. */
import type { ClientSettings } from "@smcp/config";
import { systemClock, type Clock, type Log, type Refusal } from "@smcp/core";

import { openSessionStore } from "../store/open.ts";
import { placeOf } from "../store/place.ts";
import type { SessionStore } from "../store/store.ts";
import type { BoundedFetch } from "../tokens/bounded-fetch.ts";
import { Proofs } from "../tokens/dpop-proofs.ts";
import { IssuerLink } from "../tokens/issuer-link.ts";
import type { Session } from "../tokens/session.ts";
import { sharedTokens } from "../tokens/shared.ts";
import type { Tokens } from "../tokens/tokens.ts";
import { refuseMoved } from "./moved.ts";
import type { Person } from "./person.ts";
import { refreshSession, type RefreshIssuer } from "./refresh.ts";
import type { SignInPort } from "./sign-in.ts";
import { interactiveSignIn } from "./start.ts";
import { refusePending } from "./words.ts";

/** What a person's sign-in uses of its surroundings. */
export interface PersonParts {
  readonly fetch: BoundedFetch;
  readonly log: Log;
  /** `undefined`: nobody sits here; what to do is logged. */
  readonly person: Person | undefined;
  /** The end of the program. */
  readonly signal: AbortSignal;
  readonly clock?: Clock | undefined;
}

/** A person's sign-in: where it is kept, and how to get another. */
export interface PersonSignIn {
  /** Opened when it is needed first, the same one every time. */
  readonly store: () => Promise<SessionStore>;
  readonly port: SignInPort;
}

/** Puts it together; asks nobody anything yet. */
export function personSignIn(settings: ClientSettings, parts: PersonParts): PersonSignIn {
  const { clock = systemClock } = parts;
  const place = placeOf(settings);
  let opening: Promise<SessionStore> | undefined;
  const store = (): Promise<SessionStore> => (opening ??= openSessionStore(place, parts.log));
  const issuerOf = sessionIssuers(settings, parts.fetch);
  let begin: SignInPort["begin"] | undefined;
  const port: SignInPort = {
    refresh: async (session, isRefused) =>
      (isRefused === true ? await refuseMoved(settings, session, parts.fetch) : undefined) ??
      refreshSession(session, issuerOf(session), clock),
    begin: async (why) => {
      const opened = await store();
      begin ??= interactiveSignIn({ ...parts, settings, place, store: opened, clock });
      return begin(why);
    },
  };
  return { store, port };
}

/**
 * The tokens of a person's sign-in; asks nobody anything yet, but the keyring where nothing else is allowed.
 *
 * @throws {Failure} for `--token-store keyring` without a keyring
 */
export async function personTokens(
  settings: ClientSettings,
  parts: PersonParts & { attempted(refusal: Refusal | undefined): void },
): Promise<Tokens> {
  const { authMode, serverUrl, oidc, tokenStore } = settings;
  const { clock = systemClock } = parts;
  const { store, port } = personSignIn(settings, parts);
  if (tokenStore === "keyring") await store();
  return sharedTokens(store, port, {
    proofs: oidc.dpop === "off" ? undefined : new Proofs(),
    clock,
    delta: oidc.tokenTtlDelta,
    cacheTtl: oidc.cacheTtl,
    random: Math.random,
    isNeeded: authMode === "oidc",
    attempted: (refusal) => parts.attempted(refusal),
    pending: (signIn) => refusePending(signIn, serverUrl.host, clock.now()),
  });
}

/**
 * The issuer of a session, as the client that the session belongs to; the last one is kept with what was learnt of it. It was
 * judged before the session came from it: who refreshes needs no more than its word.
 */
export function sessionIssuers({ oidc }: ClientSettings, fetch: BoundedFetch): (session: Session) => RefreshIssuer {
  const { authMethod, clockTolerance } = oidc;
  let last: { readonly of: string; readonly link: IssuerLink } | undefined;
  return ({ issuer, clientId, registration }) => {
    // A configured secret belongs to the configured client, at the issuer that was named with it.
    const isConfigured = oidc.issuer !== undefined && clientId === oidc.clientId && !registration;
    const clientSecret = isConfigured ? oidc.clientSecret : registration?.clientSecret;
    const of = JSON.stringify([issuer, clientId, clientSecret?.reveal()]);
    if (last?.of === of) return last.link;
    const about = { issuer, namedBy: "server", clientId, clientSecret, authMethod, clockTolerance } as const;
    const link = new IssuerLink(about, fetch);
    last = { of, link };
    return link;
  };
}
