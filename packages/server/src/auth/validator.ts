/** Turns a bearer token into a principal. A token is verified once and remembered by its hash, never by its text. */
import { hash } from "node:crypto";

import type { Issuer } from "@smcp/config";
import { isRefusal, refuse, type Clock, type Log, type Refusal } from "@smcp/core";
import { openTrust } from "@smcp/edge";

import { loadKeys } from "./discovery.ts";
import { readToken, refuseByKind } from "./jwt.ts";
import { DEFAULT_TIMES, KeySet, type KeySetTimes } from "./key-set.ts";
import { CLOCK_TOLERANCE, verifyToken, type VerifiedToken } from "./verify.ts";

/** How long a verdict is remembered, in milliseconds. */
const GOOD_FOR = 60_000;
const BAD_FOR = 5_000;
const MAX_REMEMBERED = 10_000;

/** What a token was found to be, and until when that holds. */
export interface Verdict {
  readonly answer: VerifiedToken | Refusal;
  readonly until: number;
}

interface Trusted {
  readonly issuer: Issuer;
  readonly keys: KeySet;
}

export class TokenValidator {
  readonly #trusted = new Map<string, Trusted>();
  readonly #verdicts = new Map<string, Verdict>();
  readonly #underWay = new Map<string, Promise<Verdict>>();
  readonly #clock: Clock;

  /** @throws Failure when the file of an issuer's authorities cannot be used */
  constructor(issuers: readonly Issuer[], clock: Clock, log: Log, times: KeySetTimes = DEFAULT_TIMES) {
    this.#clock = clock;
    for (const issuer of issuers) {
      const { caFile } = issuer;
      const named = `ca_file of the issuer "${issuer.issuer}"`;
      const trust = caFile === undefined ? undefined : openTrust({ caFile, named }, log);
      const keys = new KeySet((signal) => loadKeys(issuer, { trust, signal }), clock, log, times);
      this.#trusted.set(issuer.issuer, { issuer, keys });
    }
  }

  /** Begins to load every issuer's keys. */
  start(): void {
    for (const { keys } of this.#trusted.values()) keys.start();
  }

  close(): void {
    for (const { keys } of this.#trusted.values()) keys.close();
  }

  /** The issuers whose keys were never loaded, or are too old to be used. */
  get missingIssuers(): readonly string[] {
    return [...this.#trusted].filter(([, { keys }]) => !keys.isUsable).map(([issuer]) => issuer);
  }

  /** Milliseconds since each issuer's keys were loaded. */
  ages(): ReadonlyMap<string, number> {
    return new Map([...this.#trusted].map(([issuer, { keys }]) => [issuer, keys.age]));
  }

  /** Whether one of the audiences is configured for the token's issuer. */
  isAudienceOf(token: VerifiedToken): boolean {
    const configured = this.#trusted.get(token.principal.issuer)?.issuer.audiences ?? [];
    return token.audiences.some((one) => configured.includes(one));
  }

  /** Judges a token: at once when it is known, otherwise after verifying it. */
  validate(token: string): Verdict | Promise<Verdict> {
    const key = hash("sha256", token, "base64");
    const verdict = this.#verdicts.get(key);
    if (verdict && this.holds(verdict)) return verdict;
    const underWay = this.#underWay.get(key);
    if (underWay) return underWay;
    const judging = this.#judge(token)
      .then((answer) => this.#remember(key, answer))
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, judging);
    return judging;
  }

  /** True while a verdict needs no second look. */
  holds(verdict: Verdict): boolean {
    return verdict.until > this.#clock.now();
  }

  async #judge(token: string): Promise<VerifiedToken | Refusal> {
    const unverified = readToken(token);
    if (!unverified) return invalid("it is not shaped like a JWT");
    const trusted = this.#trusted.get(unverified.issuer);
    if (!trusted) return invalid("its issuer is not configured");
    const reason = refuseByKind(unverified, trusted.issuer);
    if (reason) return invalid(reason);
    const { keys } = trusted;
    const kid = unverified.header["kid"] as string | undefined;
    if (!keys.isUsable || !keys.knows(kid)) await keys.ask();
    if (!keys.resolver) return refuse("ISSUER_AWAY", undefined, { reason: `no keys of ${unverified.issuer}` });
    if (!keys.knows(kid)) return invalid("its key is not one of the issuer's");
    return verifyToken(token, trusted.issuer, keys.resolver);
  }

  #remember(key: string, answer: VerifiedToken | Refusal): Verdict {
    const now = this.#clock.now();
    // An issuer that is away may be back at the next request.
    if (isRefusal(answer) && answer.refused === "ISSUER_AWAY") return { answer, until: now };
    const until = isRefusal(answer)
      ? now + BAD_FOR
      : Math.min(now + GOOD_FOR, (answer.expires + CLOCK_TOLERANCE) * 1_000);
    if (this.#verdicts.size >= MAX_REMEMBERED) {
      const oldest = this.#verdicts.keys().next().value;
      if (oldest !== undefined) this.#verdicts.delete(oldest);
    }
    const verdict = { answer, until };
    this.#verdicts.set(key, verdict);
    return verdict;
  }
}

function invalid(reason: string): Refusal {
  return refuse("TOKEN_INVALID", undefined, { reason });
}
