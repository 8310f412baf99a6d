/**
 * The operating system's keyring, where there is one and its library is installed beside smcp. It holds one small key: some
 * keyrings take little, and none replaces a value as safely as a file system replaces a file.
 */
import type { Duration } from "@smcp/core";

/** One entry of the keyring. Both reject where the keyring is locked, out of reach or silent. */
export interface KeyringEntry {
  get(): Promise<string | undefined>;
  set(text: string): Promise<void>;
}

/** The part of `@napi-rs/keyring` that is used. */
interface Library {
  readonly AsyncEntry: new (
    service: string,
    user: string,
    options?: unknown,
  ) => {
    getPassword(signal?: AbortSignal): Promise<string | null>;
    setPassword(text: string, signal?: AbortSignal): Promise<void>;
  };
}

/** A keyring that asks its owner for a password must not hold the program up. */
const LIMIT: Duration = 2_000;
const SERVICE = "smcp";
const USER = "token-store";
// A value, so that no bundler takes it in. Found from where smcp is installed, never from the working directory.
const LIBRARY = "@napi-rs/keyring";

/** Opens our entry; rejects where there is no keyring. */
export async function openKeyring(): Promise<KeyringEntry> {
  const { AsyncEntry } = (await import(LIBRARY)) as Library;
  // The kernel's own store, which the library would take for want of a better one, is empty after a restart.
  const entry = new AsyncEntry(SERVICE, USER, { linux: { store: "secret-service" } });
  const limited = oneAtATime();
  return {
    get: async () => (await limited((signal) => entry.getPassword(signal))) ?? undefined,
    set: (text) => limited((signal) => entry.setPassword(text, signal)),
  };
}

/**
 * Bounds calls in time. The library's signal stops only what has not begun: a call that waits for a person holds a thread of
 * the process, of which there are few, so there is never a second one beside it.
 */
export function oneAtATime(limit: Duration = LIMIT): <T>(call: (signal: AbortSignal) => Promise<T>) => Promise<T> {
  let isBusy = false;
  return async (call) => {
    if (isBusy) throw new Error("the keyring still does not answer");
    isBusy = true;
    const signal = AbortSignal.timeout(limit);
    const late = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => late.reject(new Error("the keyring did not answer in time")), {
      once: true,
    });
    const called = call(signal).finally(() => {
      isBusy = false;
    });
    return await Promise.race([called, late.promise]);
  };
}
