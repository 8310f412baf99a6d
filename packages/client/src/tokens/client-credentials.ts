/**
 * The client credentials grant, by openid-client: for machines. Nothing is asked before the first token is needed, so the
 * client starts although the issuer is down.
 */
import { isRefusal, Secret, type Refusal } from "@smcp/core";

import { boundGrant, isBound, type Binding } from "./dpop-grant.ts";
import type { Proofs } from "./dpop-proofs.ts";
import { grantFailure } from "./grant-failure.ts";
import type { IssuerLink, OpenIssuer } from "./issuer-link.ts";
import type { Grant } from "./kept.ts";

/** What is asked for, beside the client's own identity. */
export interface CredentialsRequest {
  readonly scopes: readonly string[];
  readonly audience: string | undefined;
  /** The RFC 8707 resource, `undefined` for none, or why the one that was found cannot be used. Never rejects. */
  resource(): Promise<string | undefined | Refusal>;
  /** What the tokens are bound to. */
  binding(issuer: OpenIssuer): Promise<Binding | undefined>;
}

/** Builds the grant: one call is one token request, with discovery in front until that succeeded once. */
export function clientCredentials(issuer: IssuerLink, request: CredentialsRequest, proofs?: Proofs): Grant {
  return async () => {
    try {
      const [open, resource] = await Promise.all([issuer.open(), request.resource()]);
      if (isRefusal(resource)) return { refusal: resource };
      const parameters = {
        ...(request.scopes.length > 0 && { scope: request.scopes.join(" ") }),
        ...(request.audience !== undefined && { audience: request.audience }),
        ...(resource !== undefined && { resource }),
      };
      const binding = await request.binding(open);
      const answer = await boundGrant(open, binding, (options) =>
        open.library.clientCredentialsGrant(open.configuration, parameters, options),
      );
      const seconds = answer.expires_in;
      const token = new Secret(answer.access_token);
      if (isBound(answer)) proofs?.bind(token, binding?.key.jwk);
      return { token, lifetime: seconds === undefined ? undefined : seconds * 1_000 };
    } catch (error) {
      return grantFailure(error, issuer.host);
    }
  };
}
