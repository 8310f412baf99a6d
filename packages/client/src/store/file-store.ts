/**
 * A session in a file of the user's own, shared by all processes of its profile. What the disk refuses is kept in memory:
 * a session is never given up because it cannot be written, nor because its file cannot be read.
 */
import { lstat, unlink } from "node:fs/promises";

import { describeError, type Duration, type Log } from "@smcp/core";

import type { Session } from "../tokens/session.ts";
import { belonging, openEnvelope, parseObject, readEnvelope, sealedEnvelope } from "./envelope.ts";
import { lockFile, sessionFile, type ProfilePlace } from "./place.ts";
import { LockBusy, withLock } from "./lock.ts";
import { codeOf, FileUnsafe, openFolder, readPrivate, removeLeftovers, replacePrivate } from "./private-file.ts";
import { seal, unseal } from "./seal.ts";
import { sessionIn, sessionText } from "./session-text.ts";
import type { SessionStore } from "./store.ts";
import { Turns } from "./turns.ts";
import type { WrappingKey } from "./wrapping-key.ts";

/** Writing takes milliseconds: what is older was left by somebody who is gone. */
const LEFTOVER_AGE: Duration = 60_000;

export class FileStore implements SessionStore {
  readonly #place: ProfilePlace;
  readonly #file: string;
  readonly #key: WrappingKey | undefined;
  readonly #log: Log;
  readonly #turns = new Turns();
  readonly #told = new Set<string>();
  /** What could not be written. */
  #unwritten: Session | undefined;

  /** @param key `undefined`: sessions are not sealed */
  constructor(place: ProfilePlace, key: WrappingKey | undefined, log: Log) {
    this.#place = place;
    this.#file = sessionFile(place);
    this.#key = key;
    this.#log = log;
  }

  get isLasting(): boolean {
    return this.#unwritten === undefined;
  }

  async read(): Promise<Session | undefined> {
    const stored = await this.#readFile();
    const unwritten = this.#unwritten;
    if (!unwritten) return stored;
    // Another process may have had more luck since.
    return stored && stored.obtainedAt > unwritten.obtainedAt ? stored : unwritten;
  }

  async exists(): Promise<boolean> {
    if (this.#unwritten) return true;
    try {
      await lstat(this.#file);
      return true;
    } catch (error) {
      const code = codeOf(error);
      return code !== "ENOENT" && code !== "ENOTDIR";
    }
  }

  async write(session: Session): Promise<void> {
    try {
      await openFolder(this.#place.folder);
      await replacePrivate(this.#file, await this.#render(session));
      this.#unwritten = undefined;
      await removeLeftovers(this.#file, LEFTOVER_AGE);
      await removeLeftovers(lockFile(this.#place), LEFTOVER_AGE);
    } catch (error) {
      this.#unwritten = session;
      this.#tell("the sign-in cannot be kept on disk: it lasts until this program ends", error);
      await this.#removeSpent(session);
    }
  }

  async remove(): Promise<boolean> {
    this.#unwritten = undefined;
    await removeLeftovers(this.#file, 0);
    try {
      await unlink(this.#file);
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return true;
      this.#tell(`the stored sign-in "${this.#file}" cannot be deleted`, error);
      return false;
    }
    return true;
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.take(work, async (one) => {
      try {
        await openFolder(this.#place.folder);
      } catch (error) {
        return await this.#unlocked(one, error);
      }
      let isHeld = false;
      try {
        return await withLock(lockFile(this.#place), () => {
          isHeld = true;
          return one();
        });
      } catch (error) {
        if (isHeld || error instanceof LockBusy) throw error;
        return await this.#unlocked(one, error);
      }
    });
  }

  /** Where no lock can be made nothing can be written either: other processes go their own way in any case. */
  #unlocked<T>(work: () => Promise<T>, error: unknown): Promise<T> {
    this.#tell("the sign-in cannot be shared with other processes", error);
    return work();
  }

  async #readFile(): Promise<Session | undefined> {
    try {
      const text = await readPrivate(this.#file);
      return text === undefined ? undefined : await this.#sessionIn(text);
    } catch (error) {
      this.#tell("the stored sign-in is not used", error);
      return undefined;
    }
  }

  async #sessionIn(text: string): Promise<Session | undefined> {
    const envelope = readEnvelope(text);
    if (typeof envelope === "string") throw this.#unusable(envelope);
    const { server, profile, sealed } = envelope;
    if (server !== this.#place.server || profile !== this.#place.profile) throw this.#unusable("is another profile's");
    const found = sealed === undefined ? envelope.session : await this.#unseal(sealed);
    const session = sessionIn(found);
    if (!session) throw this.#unusable("is broken");
    return session;
  }

  async #unseal(sealed: string): Promise<unknown> {
    const key = await this.#key?.find();
    if (!key) throw this.#unusable("is sealed by a keyring that has no key for it");
    const text = unseal(sealed, key, belonging(this.#place));
    if (text === undefined) throw this.#unusable("is sealed by another key, or was changed");
    return parseObject(text);
  }

  async #render(session: Session): Promise<string> {
    const place = this.#place;
    const text = sessionText(session);
    const { kind } = place;
    if (kind === "file" || !this.#key) return openEnvelope(place, text);
    try {
      return sealedEnvelope(place, seal(text, await this.#key.ensure(), belonging(place)));
    } catch (error) {
      if (kind === "keyring") throw error;
      const isMissing = codeOf(error) === "ERR_MODULE_NOT_FOUND";
      this.#tell(
        "there is no keyring to seal the sign-in with: it is in a file that only this user can read",
        isMissing ? new Error("@napi-rs/keyring is not installed") : error,
      );
      return openEnvelope(place, text);
    }
  }

  /**
   * A refresh token that was replaced is poison: whoever uses it again ends the whole sign-in, of which this process holds
   * the rest. Deleting takes no space, so it works on a full disk.
   */
  async #removeSpent(session: Session): Promise<void> {
    const stored = await this.#readFile();
    const old = stored?.refreshToken?.reveal();
    if (old !== undefined && old !== session.refreshToken?.reveal()) await unlink(this.#file).catch(() => undefined);
  }

  #unusable(why: string): FileUnsafe {
    return new FileUnsafe(`"${this.#file}" ${why}`, "sign in again");
  }

  #tell(sentence: string, error: unknown): void {
    const reason = describeError(error);
    if (this.#told.has(sentence)) return;
    this.#told.add(sentence);
    this.#log.warn({ reason, ...(error instanceof FileUnsafe && { hint: error.hint }) }, sentence);
  }
}
