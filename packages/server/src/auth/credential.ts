/** The one credential of a request: its `Authorization` header, strictly. */

/** What stands there. */
export interface Credential {
  /** How it is presented: by whoever holds it, or together with a proof of the key that it is bound to. */
  readonly scheme: "bearer" | "dpop";
  readonly token: string;
}

// RFC 6750's token68 with one space; the scheme compares without case.
const CREDENTIAL = /^(?:(bearer)|dpop) ([A-Za-z0-9\-._~+/]+=*)$/i;
const MAX_TOKEN = 12 * 1_024;

/** The credential in a header value; `undefined` when there is none, `null` when what stands there is not one. */
export function readCredential(header: string | undefined): Credential | null | undefined {
  if (header === undefined) return undefined;
  if (header.length > MAX_TOKEN + "bearer ".length) return null;
  const [, bearer, token] = CREDENTIAL.exec(header) ?? [];
  if (token === undefined) return null;
  return { scheme: bearer === undefined ? "dpop" : "bearer", token };
}
