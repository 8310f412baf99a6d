/** A store that keeps the session in this process: for `--token-store memory`, and where nothing can be written. */
import type { Session } from "../tokens/session.ts";
import { AsyncLocalStorage } from "node:async_hooks";
import type { SessionStore } from "./store.ts";

/** A store that forgets. */
export function memoryStore(): SessionStore {
  let kept: Session | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const inside = new AsyncLocalStorage<true>();
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
    exclusively: (work) => {
      if (inside.getStore()) return work();
      const mine = last.then(() => inside.run(true, work));
      last = mine.catch(() => undefined);
      return mine;
    },
    isLasting: false,
  };
}
