/** Which resource (RFC 8707) a token is asked for. */
import { refuse, type Log, type Refusal } from "@smcp/core";

import type { BoundedFetch } from "./bounded-fetch.ts";
import { isResourceOf, readMetadata } from "./metadata.ts";

/** Where the resource comes from. */
export interface ResourceRules {
  /** `auto`, `off` or a URI. */
  readonly resource: string;
  /** With an audience, `auto` names no resource. */
  readonly audience: string | undefined;
  readonly serverUrl: URL;
}

/**
 * Builds the finder: the resource, `undefined` for none, or a refusal. `auto` takes what the server's metadata says of
 * itself, word for word, and remembers it; a server without metadata, or out of reach, means none this time. Never rejects.
 */
export function resourceFinder(
  rules: ResourceRules,
  fetch: BoundedFetch,
  log: Log,
): () => Promise<string | undefined | Refusal> {
  const { resource, audience, serverUrl } = rules;
  if (resource !== "auto") return () => Promise.resolve(resource === "off" ? undefined : resource);
  if (audience !== undefined) return () => Promise.resolve(undefined);
  let found: string | undefined;
  return async () => {
    if (found !== undefined) return found;
    const metadata = await readMetadata(serverUrl, fetch);
    if ("away" in metadata)
      log.warn({ reason: metadata.away }, "cannot read the server's metadata: no resource is named");
    if (!("resource" in metadata) || metadata.resource === undefined) return undefined;
    // A server that names somebody else's resource would be sent a token that is good there.
    if (!isResourceOf(metadata.resource, serverUrl)) return refuseForeign(metadata.resource, serverUrl);
    found = metadata.resource;
    return found;
  };
}

function refuseForeign(resource: string, serverUrl: URL): Refusal {
  const origin = URL.parse(resource)?.origin ?? "no URL";
  const reason = `the smcp server at ${serverUrl.host} calls itself another resource (${origin}): give that as --oidc-resource if it is right, or off`;
  return refuse("SIGN_IN_REFUSED", { reason });
}
