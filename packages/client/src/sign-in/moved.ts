/** A server that refuses a token may have turned to another issuer since: then the old issuer's next token helps nobody. */
import type { ClientSettings } from "@smcp/config";
import { isRefusal } from "@smcp/core";

import type { BoundedFetch } from "../tokens/bounded-fetch.ts";
import type { GrantRefused } from "../tokens/kept.ts";
import { readMetadata } from "../tokens/metadata.ts";
import type { Session } from "../tokens/session.ts";
import { chooseIssuer } from "./plan.ts";

/**
 * Why a session is not to be renewed: the server names other issuers now. Where a person accepted that, it is over and they
 * are asked anew; else it is kept, for the server may come to its senses. `undefined`: as before. Never rejects.
 */
export async function refuseMoved(
  settings: ClientSettings,
  { issuer }: Session,
  fetch: BoundedFetch,
): Promise<GrantRefused | undefined> {
  if (settings.oidc.issuer !== undefined) return undefined;
  const metadata = await readMetadata(settings.serverUrl, fetch);
  if (!("issuers" in metadata) || metadata.issuers.length === 0) return undefined;
  const chosen = chooseIssuer(settings, metadata, issuer);
  if (chosen === issuer) return undefined;
  if (isRefusal(chosen)) return { refusal: chosen };
  const reason = "the server has another identity provider now";
  return { refusal: { refused: "SIGN_IN_REFUSED", facts: { reason }, reason }, error: "invalid_grant" };
}
