/** Which way to sign in the settings ask for. */
import { Failure, systemClock, type Clock, type Log, type Refusal } from "@smcp/core";
import type { ClientSettings, ClientSignIn } from "@smcp/config";
import type { Trust } from "@smcp/edge";

import { personTokens } from "../sign-in/person-tokens.ts";
import type { Person } from "../sign-in/person.ts";
import { boundedFetch, type BoundedFetch } from "./bounded-fetch.ts";
import { clientCredentials } from "./client-credentials.ts";
import { machineBinding } from "./dpop-grant.ts";
import { Proofs } from "./dpop-proofs.ts";
import { IssuerLink, ISSUER_TIMEOUT } from "./issuer-link.ts";
import { judgedIssuer } from "./issuer-metadata.ts";
import { keptTokens } from "./kept.ts";
import { noTokens } from "./none.ts";
import type { Proof } from "./proof.ts";
import { resourceFinder } from "./resource.ts";
import { tokenFileTokens } from "./token-file.ts";
import type { Tokens } from "./tokens.ts";

/** What a sign-in uses of its surroundings. */
export interface SignInParts {
  readonly log: Log;
  readonly trust: Trust | undefined;
  readonly clock?: Clock;
  /** Who may be asked to sign in; `undefined`: nobody sits here, and what to do is logged. */
  readonly person?: Person | undefined;
  /** The end of the program: a sign-in under way is given up. */
  readonly signal?: AbortSignal;
  /** Called after every token request. */
  attempted(refusal: Refusal | undefined): void;
}

/**
 * Builds the tokens that `settings` ask for, without asking anybody anything.
 *
 * @throws {Failure} with exit code 2 where credentials are given that cannot be used safely, or not yet
 */
export async function chooseTokens(settings: ClientSettings, parts: SignInParts): Promise<Tokens> {
  const { authMode, oidc, serverUrl, tokenFile: file } = settings;
  if (authMode === "none") return noTokens(serverUrl.host);
  const clock = parts.clock ?? systemClock;
  if (file !== undefined) return tokenFileTokens({ file, server: serverUrl.host, clock, log: parts.log });
  const fetch = boundedFetch(ISSUER_TIMEOUT, parts.trust);
  if (isMachine(settings)) return machineTokens(settings, fetch, parts);
  judgeInteractive(oidc);
  return personTokens(settings, {
    fetch,
    log: parts.log,
    clock: parts.clock,
    person: parts.person,
    signal: parts.signal ?? new AbortController().signal,
    attempted: (refusal) => parts.attempted(refusal),
  });
}

/** True where no person signs in: client credentials. */
export function isMachine({ oidc }: ClientSettings): boolean {
  return oidc.flow === "client-credentials" || (oidc.flow === "auto" && proofIn(oidc) !== undefined);
}

function proofIn(oidc: ClientSignIn): Proof | undefined {
  const { clientSecret: secret, clientSecretFile, authMethod: method, privateKeyFile, assertionFile } = oidc;
  if (secret !== undefined) return { kind: "secret", secret, method, file: clientSecretFile };
  if (privateKeyFile !== undefined) return { kind: "key", file: privateKeyFile };
  return assertionFile === undefined ? undefined : { kind: "assertion", file: assertionFile };
}

/** @throws {Failure} for a secret that would go to an issuer that the server names, or an issuer that is none */
function judgeInteractive({ issuer, clientId, clientSecret }: ClientSignIn): void {
  if (clientSecret !== undefined && clientId === undefined) {
    throw new Failure("a client secret needs a client id", "give --oidc-client-id", 2);
  }
  if (clientSecret !== undefined || issuer !== undefined) issuerOf({ issuer });
}

function machineTokens(settings: ClientSettings, fetch: BoundedFetch, parts: SignInParts): Tokens {
  const { oidc, serverUrl } = settings;
  const { clientId, clientSecret, audience } = oidc;
  const proof = proofIn(oidc);
  const issuer = issuerOf(oidc);
  if (clientId === undefined) throw incomplete("client id", "--oidc-client-id");
  if (proof === undefined) throw incomplete("client secret", "--oidc-client-secret or --oidc-client-secret-file");
  const { authMethod, clockTolerance } = oidc;
  const who = { issuer, namedBy: "person", clientId, clientSecret, authMethod, proof, clockTolerance } as const;
  const link = new IssuerLink(who, fetch);
  const resource = resourceFinder({ resource: oidc.resource, audience, serverUrl }, fetch, parts.log);
  const proofs = oidc.dpop === "off" ? undefined : new Proofs();
  const binding = machineBinding(oidc.dpop, serverUrl, fetch);
  const grant = clientCredentials(link, { scopes: oidc.scopes, audience, resource, binding }, proofs);
  return keptTokens(grant, {
    proofs,
    clock: parts.clock ?? systemClock,
    delta: oidc.tokenTtlDelta,
    cacheTtl: oidc.cacheTtl,
    random: Math.random,
    attempted: (refusal) => parts.attempted(refusal),
  });
}

function issuerOf(oidc: { readonly issuer?: string | undefined }): string {
  if (oidc.issuer === undefined) {
    throw new Failure(
      "a client secret needs an issuer that you name: it is never sent to one that the server names",
      "give --oidc-issuer",
      2,
    );
  }
  return judgedIssuer(oidc.issuer);
}

function incomplete(what: string, flag: string): Failure {
  return new Failure(`client credentials need a ${what}`, `give ${flag}`, 2);
}
