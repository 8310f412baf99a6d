/** `smcp login`: a sign-in that a person asks for, ahead of the first need. */
import type { ClientSettings } from "@smcp/config";
import { Failure, isRefusal, type Log, type Refusal } from "@smcp/core";

import { boundedFetch } from "../tokens/bounded-fetch.ts";
import { chooseTokens, isMachine } from "../tokens/choose.ts";
import { ISSUER_TIMEOUT } from "../tokens/issuer-link.ts";
import { trustOf } from "../trust.ts";
import { personSignIn } from "./person-tokens.ts";
import type { Person } from "./person.ts";
import type { PendingSignIn } from "./sign-in.ts";

/** What a login uses of its surroundings. */
export interface LoginParts {
  readonly log: Log;
  readonly person: Person;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

/** `machine`: client credentials, which were tried and work; nothing is kept of them. */
export type Login = PendingSignIn | { readonly machine: true } | Refusal;

/**
 * Begins the sign-in, or joins the one that another process of the profile has under way.
 *
 * @throws {Failure} for settings that cannot be used
 */
export async function login(settings: ClientSettings, { log, person, signal }: LoginParts): Promise<Login> {
  if (settings.authMode === "none") {
    throw new Failure("--auth-mode none signs nobody in", "leave it out", 2);
  }
  const trust = trustOf(settings, log);
  // Judges the settings, too.
  const tokens = await chooseTokens(settings, { log, trust, person, signal, attempted: () => undefined });
  if (isMachine(settings)) {
    const token = await tokens.get();
    return isRefusal(token) ? token : { machine: true };
  }
  const fetch = boundedFetch(ISSUER_TIMEOUT, trust);
  const { port } = personSignIn(settings, { fetch, log, person, signal });
  return port.begin({ isAsked: true });
}
