/** Opens the store that a profile is kept in. */
import type { Log } from "@smcp/core";

import { memoryStore } from "./memory.ts";
import type { ProfilePlace } from "./place.ts";
import type { SessionStore } from "./store.ts";

/** Opens the store of a place. */
export function openSessionStore(place: ProfilePlace, log: Log): Promise<SessionStore> {
  log.debug({ profile: place.profile }, "tokens are kept in memory");
  return Promise.resolve(memoryStore());
}
