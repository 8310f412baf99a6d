/** The sign-ins that are kept on this machine, whatever server and profile they are for; nobody is asked anything. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { systemClock, type Log } from "@smcp/core";

import { readEnvelope } from "../store/envelope.ts";
import { openSessionStore } from "../store/open.ts";
import { sessionKeyOf, type ProfilePlace } from "../store/place.ts";
import { codeOf, readPrivate } from "../store/private-file.ts";
import { describeSession } from "../tokens/describe.ts";
import type { SignInState } from "../tokens/tokens.ts";

/** One sign-in. */
export interface StoredSignIn {
  readonly server: string;
  readonly profile: string;
  /** `undefined`: it cannot be used, and the log says why. */
  readonly state: SignInState | undefined;
}

/** Reads them, in the order of servers and profiles. */
export async function storedSignIns(folder: string, log: Log): Promise<StoredSignIn[]> {
  const found: StoredSignIn[] = [];
  for (const name of await namesIn(folder)) {
    const place = await placeIn(folder, name, log);
    if (!place) continue;
    const session = await (await openSessionStore(place, log)).read();
    const { server, profile } = place;
    found.push({ server, profile, state: session && describeSession(session, systemClock.now()) });
  }
  return found.toSorted((one, other) => compare(one.server, other.server) || compare(one.profile, other.profile));
}

async function placeIn(folder: string, name: string, log: Log): Promise<ProfilePlace | undefined> {
  const key = sessionKeyOf(name);
  if (key === undefined) return undefined;
  const file = join(folder, name);
  try {
    const envelope = readEnvelope((await readPrivate(file)) ?? "");
    if (typeof envelope === "string") {
      log.warn({ reason: `"${file}" ${envelope}` }, "a stored sign-in is not used");
      return undefined;
    }
    const { server, profile } = envelope;
    return { kind: "auto", folder, server, profile, group: name.slice(0, name.indexOf("-")), key };
  } catch (error) {
    log.warn({ reason: (error as Error).message }, "a stored sign-in is not used");
    return undefined;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  }
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
