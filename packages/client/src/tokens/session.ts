/** One sign-in as it is kept: everything that is needed to go on after a restart. Knows nothing of where it is kept. */
import type { webcrypto } from "node:crypto";

import type { Duration, Secret } from "@smcp/core";

/** What one sign-in left. Times are wall-clock milliseconds by this machine. */
export interface Session {
  readonly issuer: string;
  readonly clientId: string;
  /** As granted, or as asked where the issuer did not say. */
  readonly scopes: readonly string[];
  /** The RFC 8707 resource that was asked for; every refresh names it again. */
  readonly resource: string | undefined;
  readonly accessToken: Secret;
  readonly obtainedAt: number;
  /** `undefined` where the issuer did not say. */
  readonly lifetime: Duration | undefined;
  readonly refreshToken: Secret | undefined;
  readonly idToken: Secret | undefined;
  readonly subject: string | undefined;
  readonly name: string | undefined;
  readonly email: string | undefined;
  /** The private key that the tokens are bound to, where they are. */
  readonly dpopKey: webcrypto.JsonWebKey | undefined;
  /** What a dynamically registered client was given, where there is one. */
  readonly registration: { readonly clientSecret?: Secret } | undefined;
}
