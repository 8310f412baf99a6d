/**
 * What the server says of itself (RFC 9728): which resource it is and who issues its tokens. The server may be hostile:
 * what it names is used only where it speaks of its own origin.
 */
import { describeError, isBelow, isLoopbackName } from "@smcp/core";

import type { BoundedFetch } from "./bounded-fetch.ts";

/** The part of the metadata that is used. */
interface ServerMetadata {
  readonly resource: string | undefined;
  readonly issuers: readonly string[];
}

/** `absent`: the server has none; `away`: it could not be asked. */
export type MetadataAnswer = ServerMetadata | { readonly absent: true } | { readonly away: string };

const WELL_KNOWN = "/.well-known/oauth-protected-resource";

/** Reads the metadata below the server URL's path, else the root's. Never rejects. */
export async function readMetadata(serverUrl: URL, fetch: BoundedFetch): Promise<MetadataAnswer> {
  const path = serverUrl.pathname.replace(/\/$/, "");
  const places = path === "" ? [WELL_KNOWN] : [WELL_KNOWN + path, WELL_KNOWN];
  for (const place of places) {
    const answer = await readDocument(new URL(place, serverUrl), fetch);
    if (!("absent" in answer)) return answer;
  }
  return { absent: true };
}

async function readDocument(url: URL, fetch: BoundedFetch): Promise<MetadataAnswer> {
  let document: unknown;
  try {
    const response = await fetch(url.href, { headers: { accept: "application/json" } });
    if (response.status !== 200) {
      return response.status < 500 ? { absent: true } : { away: `${url.href} answered ${response.status}` };
    }
    document = await response.json();
  } catch (error) {
    return { away: describeError(error) };
  }
  const { resource, authorization_servers: issuers } = (document ?? {}) as Record<string, unknown>;
  return {
    resource: typeof resource === "string" ? resource : undefined,
    issuers: Array.isArray(issuers) ? issuers.filter((one) => typeof one === "string") : [],
  };
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
