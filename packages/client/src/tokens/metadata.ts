/**
 * What the server says of itself (RFC 9728): which resource it is, who issues its tokens, how to sign in there. The server
 * may be hostile: what it names is used only where it speaks of its own origin.
 */
import { describeError, isBelow, isLoopbackName } from "@smcp/core";

import { readDocument, type BoundedFetch } from "./bounded-fetch.ts";

/** The part of the metadata that is used. */
export interface ServerMetadata {
  readonly resource: string | undefined;
  readonly issuers: readonly string[];
  /** What to ask for where nobody says more. */
  readonly scopes: readonly string[];
  /** Which proofs of possession it takes, and whether it takes no token without one. */
  readonly dpop: { readonly algorithms: readonly string[]; readonly isRequired: boolean };
  /** What an smcp server tells beside it. */
  readonly smcp: ClientAdvice;
}

/** How an smcp server wants its clients to sign in. */
export interface ClientAdvice {
  readonly clientId: string | undefined;
  /** The address of a client metadata document that the server holds for us: a client id where the issuer takes such. */
  readonly clientDocument: string | undefined;
  readonly flows: readonly string[];
  readonly audience: string | undefined;
}

/** `absent`: the server has none; `away`: it could not be asked. */
export type MetadataAnswer = ServerMetadata | { readonly absent: true } | { readonly away: string };

const WELL_KNOWN = "/.well-known/oauth-protected-resource";

/**
 * Reads the metadata: where the challenge says, below the server URL's path, at the root, whichever speaks for the whole
 * server first. One that speaks for a part of it (a backend) is taken where there is no other. Never rejects.
 *
 * @param challenged what the challenge of a 401 named; ignored where that is another origin's
 */
export async function readMetadata(serverUrl: URL, fetch: BoundedFetch, challenged?: string): Promise<MetadataAnswer> {
  let part: ServerMetadata | undefined;
  for (const place of placesOf(serverUrl, challenged)) {
    const answer = await readAt(place, fetch);
    if ("absent" in answer) continue;
    if ("away" in answer) return part ?? answer;
    const { resource } = answer;
    if (resource === undefined || !isPartOf(resource, serverUrl)) return answer;
    part ??= answer;
  }
  return part ?? { absent: true };
}

function placesOf(serverUrl: URL, challenged: string | undefined): Set<string> {
  const named = challenged === undefined ? null : URL.parse(challenged);
  const path = serverUrl.pathname.replace(/\/$/, "");
  const own = (path === "" ? [WELL_KNOWN] : [WELL_KNOWN + path, WELL_KNOWN]).map((one) => serverUrl.origin + one);
  return new Set(named?.origin === serverUrl.origin ? [named.href, ...own] : own);
}

async function readAt(place: string, fetch: BoundedFetch): Promise<MetadataAnswer> {
  try {
    const answer = await readDocument(place, fetch);
    if ("failure" in answer) return { away: answer.failure };
    return "absent" in answer ? answer : read(answer.document);
  } catch (error) {
    return { away: describeError(error) };
  }
}

function read(document: Readonly<Record<string, unknown>>): ServerMetadata {
  const { smcp } = document;
  const advice = typeof smcp === "object" && smcp !== null ? (smcp as Record<string, unknown>) : {};
  return {
    resource: textIn(document["resource"]),
    issuers: textsIn(document["authorization_servers"]),
    scopes: textsIn(document["scopes_supported"]),
    dpop: {
      algorithms: textsIn(document["dpop_signing_alg_values_supported"]),
      isRequired: document["dpop_bound_access_tokens_required"] === true,
    },
    smcp: {
      clientId: textIn(advice["client_id"]),
      clientDocument: textIn(advice["client_metadata"]),
      flows: textsIn(advice["flows"]),
      audience: textIn(advice["audience"]),
    },
  };
}

/** Whatever another side says is short, or is not taken. */
const LONGEST = 2_048;
const MOST = 64;

function textIn(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" && value.length <= LONGEST ? value : undefined;
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.flatMap((one) => textIn(one) ?? []).slice(0, MOST) : [];
}

/** True when a resource is the server itself or holds it: same origin, and its path in front of the server's. */
export function isResourceOf(resource: string, serverUrl: URL): boolean {
  const url = URL.parse(resource);
  if (!url || url.protocol !== serverUrl.protocol || url.port !== serverUrl.port) return false;
  const isSameHost = url.hostname === serverUrl.hostname;
  // Names of this machine are one and the same place.
  if (!isSameHost && !(isLoopbackName(url.hostname) && isLoopbackName(serverUrl.hostname))) return false;
  const prefix = url.pathname.replace(/\/$/, "");
  return isBelow(prefix === "" ? "/" : prefix, serverUrl.pathname.replace(/\/$/, "") || "/");
}

/** True for a resource of the server's own that is not the whole of it. */
function isPartOf(resource: string, serverUrl: URL): boolean {
  if (isResourceOf(resource, serverUrl)) return false;
  const url = URL.parse(resource);
  const origin = url && isResourceOf(url.origin, serverUrl);
  return origin === true && isBelow(serverUrl.pathname.replace(/\/$/, "") || "/", url?.pathname ?? "");
}
