/** What is kept on this machine, found without asking anybody: for commands that work offline. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { readEnvelope } from "./envelope.ts";
import { sessionKeyOf, type ProfilePlace } from "./place.ts";
import { codeOf, readPrivate } from "./private-file.ts";

/** The places of all sessions of a server and profile, whatever else they were asked for with. */
export async function storedPlaces(place: ProfilePlace): Promise<ProfilePlace[]> {
  const places: ProfilePlace[] = [];
  for (const name of await names(place.folder)) {
    const key = sessionKeyOf(name, place.group);
    if (key !== undefined) places.push({ ...place, key });
  }
  return places;
}

/** The servers that somebody is signed in to under a profile, in order. Files that cannot be used are left out. */
export async function storedServers(folder: string, profile: string): Promise<string[]> {
  const servers = new Set<string>();
  for (const name of await names(folder)) {
    if (sessionKeyOf(name) === undefined) continue;
    const text = await readPrivate(join(folder, name)).catch(() => undefined);
    const found = text === undefined ? "" : readEnvelope(text);
    if (typeof found !== "string" && found.profile === profile) servers.add(found.server);
  }
  return [...servers].toSorted();
}

async function names(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  }
}
