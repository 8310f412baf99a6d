/** Decides who a request is from: the one way in for every kind of caller. */
import { isRefusal, refuse, type Refusal } from "@smcp/core";

import type { Arrival } from "../exchange/facts.ts";
import { bearerToken } from "./bearer.ts";
import { challenge } from "./challenge.ts";
import { anonymous, type Principal } from "./principal.ts";
import type { TokenValidator } from "./validator.ts";
import type { VerifiedToken } from "./verify.ts";

/** Knows every caller, or, without a validator, asks nobody. */
export class Callers {
  readonly #validator: TokenValidator | undefined;

  constructor(validator: TokenValidator | undefined) {
    this.#validator = validator;
  }

  /** True when callers must show a credential. */
  get areAsked(): boolean {
    return this.#validator !== undefined;
  }

  /**
   * Who a request is from, by its headers alone.
   *
   * @param resourcePath the path of the resource that is asked for; its public URL is an audience that a token may have
   */
  identify(arrival: Arrival, resourcePath: string): Principal | Refusal | Promise<Principal | Refusal> {
    const validator = this.#validator;
    if (!validator) return anonymous;
    const metadata = `${arrival.origin}${METADATA_PATH}${resourcePath === "/" ? "" : resourcePath}`;
    const token = bearerToken(arrival.admitted.headers.get("authorization"));
    if (token === undefined) return challenge(refuse("SIGN_IN_NEEDED"), metadata, false);
    if (token === null) return challenge(refuse("TOKEN_INVALID"), metadata, true);
    const judge = (verdict: VerifiedToken | Refusal): Principal | Refusal => {
      const answer = isRefusal(verdict) ? verdict : forUs(verdict, validator, arrival, resourcePath);
      return isRefusal(answer) && answer.refused === "TOKEN_INVALID" ? challenge(answer, metadata, true) : answer;
    };
    const verdict = validator.validate(token);
    return verdict instanceof Promise ? verdict.then(judge) : judge(verdict);
  }
}

/** RFC 9728's well-known place for a resource's metadata; the resource's own path follows. */
export const METADATA_PATH = "/.well-known/oauth-protected-resource";

function forUs(token: VerifiedToken, validator: TokenValidator, arrival: Arrival, path: string): Principal | Refusal {
  if (validator.isAudienceOf(token)) return token.principal;
  // A Host that anybody may choose is no audience: a token for another service would pass under that service's name.
  const resources = arrival.isOriginOurs ? [arrival.origin, `${arrival.origin}/`, `${arrival.origin}${path}`] : [];
  if (token.audiences.some((one) => resources.includes(one))) return token.principal;
  return refuse("TOKEN_INVALID", undefined, { reason: "its audience is another service" });
}
