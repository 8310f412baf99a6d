/** Which scopes a sign-in asks for. Pure. */

/** Who says something about scopes. */
export interface ScopeWishes {
  /** What the server's challenge names. */
  readonly challenged: readonly string[];
  /** What the person gave; `undefined`: nothing. */
  readonly given: readonly string[] | undefined;
  /** What the server's metadata lists. */
  readonly listed: readonly string[];
  /** Those of the session that there is: a step-up must not lose them. */
  readonly held: readonly string[];
  /** What the issuer's metadata lists; `undefined`: it does not say. */
  readonly known: readonly string[] | undefined;
  /** Whether the issuer tells people apart (OpenID Connect), and not only what they may. */
  readonly isOpenid: boolean;
}

/**
 * The challenge's scopes, else those given, else the metadata's, else `openid` or none at all; given ones always. With them `openid` and
 * `offline_access` (who it is, and not to be asked again) where the issuer lists them.
 */
export function chooseScopes({ challenged, given, listed, held, known, isOpenid }: ScopeWishes): string[] {
  const fallback = challenged.length > 0 ? [] : listed.length > 0 ? listed : isOpenid ? ["openid"] : [];
  const extra = ["openid", "offline_access"].filter((one) => known?.includes(one) === true);
  return [...new Set([...challenged, ...(given ?? fallback), ...held, ...extra])].filter((one) => SCOPE.test(one));
}

/** RFC 6749: visible ASCII without quotes and backslash. */
const SCOPE = /^[!#-[\]-~]{1,200}$/;

/** However many a server may name. */
export const MAX_SCOPES = 64;

/** The scopes in a challenge's `scope`. */
export function scopesIn(text = ""): string[] {
  return text
    .split(" ")
    .filter((one) => SCOPE.test(one))
    .slice(0, MAX_SCOPES);
}
