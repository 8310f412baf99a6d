/** The one credential of a request: its `Authorization` header, strictly. */

// RFC 6750's token68 with one space; the scheme compares without case.
const BEARER = /^bearer ([A-Za-z0-9\-._~+/]+=*)$/i;
const MAX_TOKEN = 12 * 1_024;

/** The bearer token of a header value; `undefined` when there is none, `null` when what stands there is not one. */
export function bearerToken(header: string | undefined): string | null | undefined {
  if (header === undefined) return undefined;
  if (header.length > MAX_TOKEN + "bearer ".length) return null;
  return BEARER.exec(header)?.[1] ?? null;
}
