/**
 * The client credentials grant, by openid-client: for machines. Nothing is asked before the first token is needed, so the
 * client starts although the issuer is down.
 */
import { isRefusal, Secret, type Refusal } from "@smcp/core";

import { grantFailure } from "./grant-failure.ts";
import type { IssuerLink } from "./issuer-link.ts";
import type { Grant } from "./kept.ts";

/** What is asked for, beside the client's own identity. */
export interface CredentialsRequest {
  readonly scopes: readonly string[];
  readonly audience: string | undefined;
  /** The RFC 8707 resource, `undefined` for none, or why the one that was found cannot be used. Never rejects. */
  resource(): Promise<string | undefined | Refusal>;
}

/** Builds the grant: one call is one token request, with discovery in front until that succeeded once. */
export function clientCredentials(issuer: IssuerLink, request: CredentialsRequest): Grant {
  return async () => {
    try {
      const [{ library, configuration }, resource] = await Promise.all([issuer.open(), request.resource()]);
      if (isRefusal(resource)) return { refusal: resource };
      const answer = await library.clientCredentialsGrant(configuration, {
        ...(request.scopes.length > 0 && { scope: request.scopes.join(" ") }),
        ...(request.audience !== undefined && { audience: request.audience }),
        ...(resource !== undefined && { resource }),
      });
      const seconds = answer.expires_in;
      return { token: new Secret(answer.access_token), lifetime: seconds === undefined ? undefined : seconds * 1_000 };
    } catch (error) {
      return grantFailure(error, issuer.host);
    }
  };
}
