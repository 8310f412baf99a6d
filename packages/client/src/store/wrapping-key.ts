/** The key that session files are sealed with: made once, kept in the keyring, asked of it once in a process. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { systemClock, type Clock, type Duration } from "@smcp/core";

import type { KeyringEntry } from "./keyring.ts";
import { withLock } from "./lock.ts";
import { openFolder } from "./private-file.ts";
import { KEY_BYTES } from "./seal.ts";

/** A keyring that failed is asked again after this time: it may have been unlocked. */
const PAUSE: Duration = 30_000;

export class WrappingKey {
  readonly #folder: string;
  readonly #open: () => Promise<KeyringEntry>;
  readonly #clock: Clock;
  #entry: Promise<KeyringEntry> | undefined;
  #key: Uint8Array | undefined;
  #failed: { readonly error: unknown; readonly at: number } | undefined;

  /**
   * @param folder where processes agree on who makes the key
   * @param open rejects where there is no keyring
   */
  constructor(folder: string, open: () => Promise<KeyringEntry>, clock: Clock = systemClock) {
    this.#folder = folder;
    this.#open = open;
    this.#clock = clock;
  }

  /** The key, `undefined` where none was made yet; rejects where the keyring does not answer. */
  find(): Promise<Uint8Array | undefined> {
    return this.#ask(async (entry) => keyIn(await entry.get()));
  }

  /** The key, made where there is none; rejects where the keyring does not answer or does not keep it. */
  async ensure(): Promise<Uint8Array> {
    return (await this.find()) ?? (await this.#ask((entry) => this.#make(entry)));
  }

  async #ask<T extends Uint8Array | undefined>(call: (entry: KeyringEntry) => Promise<T>): Promise<T | Uint8Array> {
    if (this.#key) return this.#key;
    if (this.#failed && this.#clock.elapsed() - this.#failed.at < PAUSE) throw this.#failed.error;
    try {
      const key = await call(await (this.#entry ??= this.#open()));
      this.#key = key;
      this.#failed = undefined;
      return key;
    } catch (error) {
      this.#failed = { error, at: this.#clock.elapsed() };
      // One that opened is kept: it knows whether a call still waits.
      await this.#entry?.catch(() => (this.#entry = undefined));
      throw error;
    }
  }

  /** Two processes that made one each would lock each other out. */
  async #make(entry: KeyringEntry): Promise<Uint8Array> {
    await openFolder(this.#folder);
    return withLock(join(this.#folder, "keyring.lock"), async () => {
      const found = keyIn(await entry.get());
      if (found) return found;
      const key = randomBytes(KEY_BYTES);
      await entry.set(key.toString("base64url"));
      // Some keyrings take what they do not keep.
      if (!keyIn(await entry.get())?.equals(key)) throw new Error("the keyring did not keep the key");
      return key;
    });
  }
}

function keyIn(text: string | undefined): Buffer | undefined {
  const bytes = Buffer.from(text ?? "", "base64url");
  return bytes.length === KEY_BYTES ? bytes : undefined;
}
