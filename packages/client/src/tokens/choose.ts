/** Which way to sign in the settings ask for. */
import { Failure, isLoopbackName, systemClock, type Clock, type Log, type Refusal } from "@smcp/core";
import type { ClientSettings, ClientSignIn } from "@smcp/config";
import type { Trust } from "@smcp/edge";

import { boundedFetch, type BoundedFetch } from "./bounded-fetch.ts";
import { clientCredentials } from "./client-credentials.ts";
import { interactiveTokens } from "./interactive.ts";
import { IssuerLink, ISSUER_TIMEOUT } from "./issuer-link.ts";
import { keptTokens } from "./kept.ts";
import { noTokens } from "./none.ts";
import { resourceFinder } from "./resource.ts";
import { tokenFileTokens } from "./token-file.ts";
import type { Tokens } from "./tokens.ts";

/** What a sign-in uses of its surroundings. */
export interface SignInParts {
  readonly log: Log;
  readonly trust: Trust | undefined;
  readonly clock?: Clock;
  /** Called after every token request. */
  attempted(refusal: Refusal | undefined): void;
}

/**
 * Builds the tokens that `settings` ask for, without asking anybody anything.
 *
 * @throws {Failure} with exit code 2 where credentials are given that cannot be used safely, or not yet
 */
export function chooseTokens(settings: ClientSettings, parts: SignInParts): Tokens {
  const { authMode, oidc, serverUrl, tokenFile: file } = settings;
  if (authMode === "none") return noTokens(serverUrl.host);
  const clock = parts.clock ?? systemClock;
  if (file !== undefined) return tokenFileTokens({ file, server: serverUrl.host, clock, log: parts.log });
  const fetch = boundedFetch(ISSUER_TIMEOUT, parts.trust);
  const isMachine = oidc.flow === "client-credentials" || (oidc.flow === "auto" && oidc.clientSecret !== undefined);
  if (isMachine) return machineTokens(settings, fetch, parts);
  if (oidc.flow !== "auto") {
    throw new Failure(
      `the sign-in flow "${oidc.flow}" is not built yet`,
      "use --oidc-flow client-credentials with --oidc-issuer, --oidc-client-id and --oidc-client-secret",
      2,
    );
  }
  return interactiveTokens(serverUrl, fetch);
}

function machineTokens(settings: ClientSettings, fetch: BoundedFetch, parts: SignInParts): Tokens {
  const { oidc, serverUrl } = settings;
  const { clientId, clientSecret, audience } = oidc;
  const issuer = issuerOf(oidc);
  if (clientId === undefined) throw incomplete("client id", "--oidc-client-id");
  if (clientSecret === undefined)
    throw incomplete("client secret", "--oidc-client-secret or --oidc-client-secret-file");
  const { authMethod, clockTolerance } = oidc;
  const link = new IssuerLink({ issuer, clientId, clientSecret, authMethod, clockTolerance }, fetch);
  const resource = resourceFinder({ resource: oidc.resource, audience, serverUrl }, fetch, parts.log);
  const grant = clientCredentials(link, { scopes: oidc.scopes, audience, resource });
  return keptTokens(grant, {
    clock: parts.clock ?? systemClock,
    delta: oidc.tokenTtlDelta,
    cacheTtl: oidc.cacheTtl,
    random: Math.random,
    attempted: (refusal) => parts.attempted(refusal),
  });
}

function issuerOf(oidc: ClientSignIn): URL {
  if (oidc.issuer === undefined) {
    throw new Failure(
      "a client secret needs an issuer that you name: it is never sent to one that the server names",
      "give --oidc-issuer",
      2,
    );
  }
  const url = URL.parse(oidc.issuer);
  if (!url || url.search || url.hash || url.pathname.includes("/.well-known/")) {
    throw new Failure(
      `the issuer "${oidc.issuer}" is not an issuer's URL`,
      "give it as the provider writes it, without /.well-known/",
      2,
    );
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopbackName(url.hostname))) {
    throw new Failure(`the issuer "${oidc.issuer}" is not https`, "http is for issuers on this machine only", 2);
  }
  return url;
}

function incomplete(what: string, flag: string): Failure {
  return new Failure(`client credentials need a ${what}`, `give ${flag}`, 2);
}
