/** A store that keeps the session in this process: for `--token-store memory`. */
import type { Session } from "../tokens/session.ts";
import type { SessionStore } from "./store.ts";
import { Turns } from "./turns.ts";

/** A store that forgets. */
export function memoryStore(): SessionStore {
  let kept: Session | undefined;
  const turns = new Turns();
  return {
    read: () => Promise.resolve(kept),
    exists: () => Promise.resolve(kept !== undefined),
    write: (session) => {
      kept = session;
      return Promise.resolve();
    },
    remove: () => {
      kept = undefined;
      return Promise.resolve(true);
    },
    exclusively: (work) => turns.take(work),
    isLasting: false,
  };
}
