/** When a token is renewed: plain arithmetic on how long it lives and how long it has been held. */
import type { Clock, Duration, Secret } from "@smcp/core";

import type { Proofs } from "./dpop-proofs.ts";

/** A moment on both clocks. */
export interface Moment {
  readonly wall: number;
  readonly steady: number;
}

/** Now, on both clocks. */
export function momentOf(clock: Clock): Moment {
  return { wall: clock.now(), steady: clock.elapsed() };
}

/** The moment of something that was written down by the wall clock. */
export function momentAt(wall: number, clock: Clock): Moment {
  return { wall, steady: clock.elapsed() - Math.max(0, clock.now() - wall) };
}

/**
 * How long ago a moment was: on the clock that says longer. The steady clock may stand still while a laptop sleeps, the
 * wall clock may be set back.
 */
export function since(moment: Moment, clock: Clock): Duration {
  return Math.max(clock.now() - moment.wall, clock.elapsed() - moment.steady);
}

/** From what remaining time on a token is renewed. */
export interface Thresholds {
  /** At or below: nobody gets the token before it was tried to renew it. */
  readonly hard: Duration;
  /** At or below: it is renewed while it is still handed out. */
  readonly soft: Duration;
}

/**
 * The thresholds of a token.
 *
 * @param delta how long before its expiry a token must be renewed; of a token that lives less than twice as long, a quarter
 * of its life
 * @param random between 0 and 1: moves the soft threshold by a tenth, so that many clients do not renew at once
 */
export function thresholds(lifetime: Duration, delta: Duration, random: number): Thresholds {
  const hard = lifetime <= 2 * delta ? lifetime / 4 : delta;
  // At most half of the life: a token of little more than twice `delta` would be renewed as soon as it came.
  const soft = Math.min(Math.max(2 * hard, lifetime / 5), lifetime / 2);
  return { hard, soft: soft * (0.9 + 0.2 * random) };
}

/** How tokens are held. */
export interface HoldRules {
  /** Present: tokens may be bound to a key, and this is told which. */
  readonly proofs?: Proofs | undefined;
  readonly clock: Clock;
  /** How long before its expiry a token must be renewed. */
  readonly delta: Duration;
  /** How long a token is used whose lifetime nobody told. */
  readonly cacheTtl: Duration;
  /** Between 0 and 1. */
  random(): number;
}

/** A token in hand. */
export interface Held {
  readonly token: Secret;
  readonly from: Moment;
  readonly lifetime: Duration;
  readonly thresholds: Thresholds;
  /** It was got because the server refused the one before. */
  readonly isReplacement: boolean;
}

/** What is told of a token when it is issued. */
export interface Issued {
  readonly token: Secret;
  /** `undefined` where the issuer did not say. */
  readonly lifetime: Duration | undefined;
  /** Before it was asked for: the issuer counts from when it answered, and may have answered late. */
  readonly from: Moment;
  readonly isReplacement: boolean;
}

/** Takes a token in hand. */
export function hold({ token, lifetime: told, from, isReplacement }: Issued, rules: HoldRules): Held {
  const lifetime = told ?? lifetimeOfJwt(token.reveal()) ?? rules.cacheTtl;
  return { token, from, lifetime, thresholds: thresholds(lifetime, rules.delta, rules.random()), isReplacement };
}

/** How long a token still lives; not above 0: it is over. */
export function remainingOf(held: Held, clock: Clock): Duration {
  return held.lifetime - since(held.from, clock);
}

/** A replacement that the server refuses too is not replaced again before this time, or every request would be a grant. */
const REPLACEMENT_PAUSE: Duration = 10_000;

/** True for a replacement that is too young to be replaced. */
export function isFreshReplacement(held: Held, clock: Clock): boolean {
  return held.isReplacement && since(held.from, clock) < REPLACEMENT_PAUSE;
}

/** `exp - iat` of a JWT, in milliseconds: for a token whose lifetime nobody told. The signature is not looked at. */
export function lifetimeOfJwt(token: string): Duration | undefined {
  const payload = token.split(".")[1];
  if (payload === undefined) return undefined;
  try {
    const { exp, iat } = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
    return typeof exp === "number" && typeof iat === "number" && exp > iat ? (exp - iat) * 1_000 : undefined;
  } catch {
    return undefined;
  }
}
