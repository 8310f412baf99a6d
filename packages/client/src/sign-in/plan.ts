/**
 * What a sign-in asks whom for, learnt where no flag says it: the server's metadata names the issuer, the issuer's its
 * endpoints. What a flag says wins; a server that contradicts it, or its own former self, is refused.
 */
import type { ClientSettings } from "@smcp/config";
import { isLoopbackName, isRefusal, refuse, type Log, type Refusal } from "@smcp/core";
import type { ServerMetadata as IssuerMetadata } from "openid-client";

import type { BoundedFetch } from "../tokens/bounded-fetch.ts";
import { wantsBinding } from "../tokens/dpop-grant.ts";
import { grantFailure } from "../tokens/grant-failure.ts";
import { judgedIssuer, parseIssuer, readIssuerMetadata, type NamedBy } from "../tokens/issuer-metadata.ts";
import { isResourceOf, readMetadata, type ClientAdvice, type ServerMetadata } from "../tokens/metadata.ts";
import type { Session } from "../tokens/session.ts";
import { isMicrosoft } from "./microsoft.ts";
import { chooseScopes } from "./scopes.ts";
import { readOwnIssuer, refuseSilent } from "./server-as-issuer.ts";
import type { SignInReason } from "./sign-in.ts";

/** What is known of the past. */
export interface Known {
  /** The issuer that this server named at the first sign-in. */
  readonly pinned: string | undefined;
  /** The session that there is. */
  readonly session: Session | undefined;
}

/** What is to be asked for, and of whom. */
export interface Plan {
  /** Byte for byte as the issuer writes itself. */
  readonly issuer: string;
  readonly namedBy: NamedBy;
  readonly metadata: IssuerMetadata;
  readonly scopes: readonly string[];
  readonly resource: string | undefined;
  readonly audience: string | undefined;
  /** Whether the tokens are to be bound to a key. */
  readonly isBound: boolean;
  readonly advice: ClientAdvice;
}

const NO_ADVICE: ClientAdvice = { clientId: undefined, clientDocument: undefined, flows: [], audience: undefined };
const NO_PROOFS: ServerMetadata["dpop"] = { algorithms: [], isRequired: false };
const NOTHING: ServerMetadata = { resource: undefined, issuers: [], scopes: [], dpop: NO_PROOFS, smcp: NO_ADVICE };

/** What the server says, and whether it is its own issuer for want of another. */
type Learnt = ServerMetadata & { readonly isOwnIssuer?: boolean };

/** Learns it. Never rejects. */
export async function makePlan(
  settings: ClientSettings,
  why: SignInReason,
  known: Known,
  { fetch, log }: { readonly fetch: BoundedFetch; readonly log: Log },
): Promise<Plan | Refusal> {
  const server = await learn(settings, why, fetch, log);
  if (isRefusal(server)) return server;
  const issuer = chooseIssuer(settings, server, known.pinned);
  if (isRefusal(issuer)) return issuer;
  const resource = chooseResource(settings, server, issuer);
  if (isRefusal(resource)) return resource;
  const namedBy = settings.oidc.issuer === undefined ? "server" : "person";
  try {
    const metadata = await (server.isOwnIssuer === true
      ? readOwnIssuer(settings, fetch)
      : readIssuerMetadata(issuer, namedBy, fetch));
    if (isRefusal(metadata)) return metadata;
    const scopes = chooseScopes({
      challenged: why.scopes ?? [],
      given: settings.oidc.areScopesGiven === true ? settings.oidc.scopes : undefined,
      listed: server.scopes,
      held: heldAt(metadata, known),
      known: metadata.scopes_supported,
      isOpenid: metadata.id_token_signing_alg_values_supported !== undefined,
    });
    const audience = settings.oidc.audience ?? server.smcp.audience;
    const isBound = wantsBinding(settings.oidc.dpop, metadata, server, settings.serverUrl);
    return { issuer: metadata.issuer, namedBy, metadata, scopes, resource, audience, isBound, advice: server.smcp };
  } catch (error) {
    return grantFailure(error, new URL(issuer).host, "authorization code").refusal;
  }
}

/** What the server says of itself, as far as it is needed and may be believed. */
async function learn(
  { serverUrl, oidc }: ClientSettings,
  why: SignInReason,
  fetch: BoundedFetch,
  log: Log,
): Promise<Learnt | Refusal> {
  const isNamed = oidc.issuer !== undefined;
  if (serverUrl.protocol !== "https:" && !isLoopbackName(serverUrl.hostname) && !isNamed) {
    return refused(
      `the smcp server at ${serverUrl.host} is not https, so the identity provider that it names cannot be believed: give --oidc-issuer`,
    );
  }
  const metadata = await readMetadata(serverUrl, fetch, why.metadata);
  if ("away" in metadata) {
    if (!isNamed) return refuse("SERVER_AWAY", { server: serverUrl.host }, { reason: metadata.away });
    log.warn({ reason: metadata.away }, "cannot read the server's metadata: only what the flags say is asked for");
  }
  if ("resource" in metadata) return metadata;
  return isNamed ? NOTHING : { ...NOTHING, issuers: [serverUrl.origin], isOwnIssuer: true };
}

/** The scopes of the session that there is; of another issuer they mean nothing. */
function heldAt({ issuer }: IssuerMetadata, { session }: Known): readonly string[] {
  return session?.issuer === issuer ? session.scopes : [];
}

/** The issuer to sign in at, or why none of those that the server names. */
export function chooseIssuer(
  { serverUrl, oidc }: ClientSettings,
  { issuers, isOwnIssuer }: Learnt,
  pinned: string | undefined,
): string | Refusal {
  const server = `the smcp server at ${serverUrl.host}`;
  if (oidc.issuer !== undefined) {
    const given = judgedIssuer(oidc.issuer);
    // A slash more or less is a person's.
    const isListed = issuers.some((one) => URL.parse(one)?.href === new URL(given).href);
    if (isListed || issuers.length === 0) return given;
    return refused(
      `${server} names the identity provider ${hostOf(issuers[0])}, and --oidc-issuer is ${hostOf(given)}`,
    );
  }
  const [first] = issuers;
  if (first === undefined) return refused(`${server} names no identity provider: give --oidc-issuer`);
  if (pinned !== undefined && issuers.includes(pinned)) return pinned;
  const parsed = parseIssuer(first, isLoopbackName(serverUrl.hostname));
  if (!(parsed instanceof URL)) return refused(`${server} names an identity provider that is ${WRONG[parsed.wrong]}`);
  if (pinned === undefined || oidc.acceptsIssuerChange === true) return first;
  if (isOwnIssuer === true) return refuseSilent(serverUrl.host);
  return refused(
    `${server} now names the identity provider ${hostOf(first)} instead of ${hostOf(pinned)}: if that is right, start once with --accept-issuer-change`,
  );
}

const WRONG = {
  form: "no issuer's URL",
  scheme: "not https",
  place: "on an address where none can be",
} as const;

function chooseResource(
  { serverUrl, oidc }: ClientSettings,
  { resource }: ServerMetadata,
  issuer: string,
): string | undefined | Refusal {
  if (oidc.resource === "off") return undefined;
  if (oidc.resource !== "auto") return oidc.resource;
  if (oidc.audience !== undefined || resource === undefined) return undefined;
  // Entra takes the target from the scopes, and answers AADSTS9010010 to a resource beside them.
  if (isMicrosoft(issuer)) return undefined;
  const origin = URL.parse(resource)?.origin ?? "no URL";
  // A server that names somebody else's resource would be sent a token that is good there.
  if (isResourceOf(resource, serverUrl) || isResourceOf(origin, new URL(serverUrl.origin))) return resource;
  return refused(
    `the smcp server at ${serverUrl.host} calls itself another resource (${origin}): give that as --oidc-resource if it is right, or off`,
  );
}

function hostOf(issuer: string | undefined): string {
  return (issuer !== undefined && URL.parse(issuer)?.host) || "without a name";
}

function refused(reason: string): Refusal {
  return refuse("SIGN_IN_REFUSED", { reason }, { reason });
}
