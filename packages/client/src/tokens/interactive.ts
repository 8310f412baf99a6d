/**
 * The place of interactive sign-in (browser, device), which is not built yet: relays without a token, and where the
 * server asks for one says who issues it and what to give instead.
 */
import { refuse, type Refusal } from "@smcp/core";

import type { BoundedFetch } from "./bounded-fetch.ts";
import { readMetadata } from "./metadata.ts";
import type { Tokens } from "./tokens.ts";

const FLAGS = "--oidc-issuer, --oidc-client-id and --oidc-client-secret";

/** Tokens for a client that was given no credentials. */
export function interactiveTokens(serverUrl: URL, fetch: BoundedFetch): Tokens {
  let asked: Promise<Refusal> | undefined;
  const ask = async (): Promise<Refusal> => {
    const metadata = await readMetadata(serverUrl, fetch);
    // A server that was away is asked again by the next request.
    if ("away" in metadata) asked = undefined;
    const issuer = "issuers" in metadata ? hostOf(metadata.issuers[0]) : undefined;
    const place = issuer === undefined ? "" : ` at ${issuer}`;
    const reason = `the smcp server at ${serverUrl.host} needs a sign-in${place}; interactive sign-in is not built yet, start the client with ${FLAGS}`;
    return refuse("SIGN_IN_PENDING", { reason });
  };
  return {
    get: () => Promise.resolve(undefined),
    renew: () => (asked ??= ask()),
    signedIn: () => Promise.resolve(false),
    onSignedIn: () => () => undefined,
    describe: () => ({ state: asked ? "signed-out" : "unneeded" }),
  };
}

function hostOf(issuer: string | undefined): string | undefined {
  return issuer === undefined ? undefined : URL.parse(issuer)?.host;
}
