/**
 * The issuer that a server named first, per server and profile: a server that names another one later is not followed
 * silently. Nothing secret; kept when a session is removed.
 */
import { parseObject } from "./envelope.ts";
import { pinFile, type ProfilePlace } from "./place.ts";
import { openFolder, readPrivate, replacePrivate } from "./private-file.ts";

/** What was learnt at the first sign-in and is held on to. */
export interface Pin {
  /** The issuer, byte for byte as it names itself. */
  readonly issuer: string;
  /** The client that was registered dynamically at that issuer, where one was. */
  readonly registeredClientId?: string;
  /** The redirect URI that it was registered with; left out for a device. */
  readonly registeredRedirectUri?: string;
}

/** The pin, `undefined` where there is none that can be used, or nothing is kept on disk. Never rejects. */
export async function readPin(place: ProfilePlace): Promise<Pin | undefined> {
  if (place.kind === "memory") return undefined;
  const text = await readPrivate(pinFile(place)).catch(() => undefined);
  const found = text === undefined ? undefined : parseObject(text);
  if (!found) return undefined;
  const { issuer, registeredClientId, registeredRedirectUri } = found;
  if (typeof issuer !== "string" || !URL.canParse(issuer)) return undefined;
  return {
    issuer,
    ...(typeof registeredClientId === "string" && { registeredClientId }),
    ...(typeof registeredRedirectUri === "string" && { registeredRedirectUri }),
  };
}

/** Writes the pin; ends with false where it cannot be kept. Never rejects. */
export async function writePin(place: ProfilePlace, pin: Pin): Promise<boolean> {
  if (place.kind === "memory") return true;
  const { server, profile } = place;
  try {
    await openFolder(place.folder);
    await replacePrivate(pinFile(place), `${JSON.stringify({ v: 1, server, profile, ...pin })}\n`);
    return true;
  } catch {
    return false;
  }
}
