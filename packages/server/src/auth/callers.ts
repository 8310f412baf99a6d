/** Decides who a request is from: the one way in for every kind of caller. */
import type { Socket } from "node:net";

import { isRefusal, refuse, type Refusal } from "@smcp/core";

import type { Arrival } from "../exchange/facts.ts";
import { bearerToken } from "./bearer.ts";
import { challenge } from "./challenge.ts";
import { anonymous, type Principal } from "./principal.ts";
import type { TokenValidator, Verdict } from "./validator.ts";
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
    const header = arrival.admitted.headers.get("authorization");
    const connection: Connection = arrival.incoming.socket;
    const known = connection[LAST];
    // A credential of this connection that still holds is compared, not read and hashed again.
    if (known?.header === header && known?.validator === validator && validator.holds(known.verdict)) {
      return judge(known.verdict.answer, validator, arrival, resourcePath);
    }
    const token = bearerToken(header);
    if (!token) {
      const refusal = refuse(token === undefined ? "SIGN_IN_NEEDED" : "TOKEN_INVALID");
      return challenge(refusal, metadataOf(arrival, resourcePath), token === null);
    }
    const settle = (verdict: Verdict): Principal | Refusal => {
      connection[LAST] = { header, validator, verdict };
      return judge(verdict.answer, validator, arrival, resourcePath);
    };
    const verdict = validator.validate(token);
    return verdict instanceof Promise ? verdict.then(settle) : settle(verdict);
  }
}

/** What the last credential of a connection was found to be: the next request on it mostly brings the same one. */
interface Remembered {
  readonly header: string | undefined;
  readonly validator: TokenValidator;
  readonly verdict: Verdict;
}

const LAST = Symbol("last credential");
type Connection = Socket & { [LAST]?: Remembered };

/** RFC 9728's well-known place for a resource's metadata; the resource's own path follows. */
export const METADATA_PATH = "/.well-known/oauth-protected-resource";

function metadataOf({ origin }: Arrival, resourcePath: string): string {
  return `${origin}${METADATA_PATH}${resourcePath === "/" ? "" : resourcePath}`;
}

function judge(
  answer: VerifiedToken | Refusal,
  validator: TokenValidator,
  arrival: Arrival,
  path: string,
): Principal | Refusal {
  const judged = isRefusal(answer) ? answer : forUs(answer, validator, arrival, path);
  if (!isRefusal(judged) || judged.refused !== "TOKEN_INVALID") return judged;
  return challenge(judged, metadataOf(arrival, path), true);
}

function forUs(token: VerifiedToken, validator: TokenValidator, arrival: Arrival, path: string): Principal | Refusal {
  if (validator.isAudienceOf(token)) return token.principal;
  // A Host that anybody may choose is no audience: a token for another service would pass under that service's name.
  const resources = arrival.isOriginOurs ? [arrival.origin, `${arrival.origin}/`, `${arrival.origin}${path}`] : [];
  if (token.audiences.some((one) => resources.includes(one))) return token.principal;
  return refuse("TOKEN_INVALID", undefined, { reason: "its audience is another service" });
}
