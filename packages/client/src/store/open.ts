/** Opens the store that a profile is kept in. */
import { describeError, Failure, type Log } from "@smcp/core";

import { FileStore } from "./file-store.ts";
import { openKeyring, type KeyringEntry } from "./keyring.ts";
import { memoryStore } from "./memory.ts";
import type { ProfilePlace } from "./place.ts";
import type { SessionStore } from "./store.ts";
import { WrappingKey } from "./wrapping-key.ts";

/**
 * Opens the store of a place. The keyring is asked only where something is sealed or to be sealed; for the kind `keyring`
 * at once.
 *
 * @throws {Failure} for the kind `keyring` where there is none that answers
 */
export async function openSessionStore(
  place: ProfilePlace,
  log: Log,
  keyring: () => Promise<KeyringEntry> = openKeyring,
): Promise<SessionStore> {
  if (place.kind === "memory") return memoryStore();
  // For the kind `file` too: what another kind sealed can still be read.
  const key = new WrappingKey(place.folder, keyring);
  if (place.kind === "keyring") {
    try {
      await key.ensure();
    } catch (error) {
      throw new Failure(
        `there is no keyring for --token-store keyring: ${describeError(error)}`,
        "install @napi-rs/keyring beside smcp and unlock the keyring, or use --token-store auto",
      );
    }
  }
  return new FileStore(place, key, log);
}
