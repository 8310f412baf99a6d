/**
 * One attempt to sign in at a time, whatever the number of processes: who makes it has its name in a file beside the stored
 * session, in which the others read what to show. What is left of attempts that ended stands in a second file.
 */
import { randomUUID } from "node:crypto";
import { unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import { catalogue, describeError, type Clock, type Code, type Duration, type Log, type Refusal } from "@smcp/core";

import { withLock } from "../store/lock.ts";
import { openFolder, readPrivate, replacePrivate } from "../store/private-file.ts";
import type { ProfilePlace } from "../store/place.ts";

/** What a person is shown. */
interface Shown {
  readonly url: string;
  readonly code?: string;
  /** Wall-clock milliseconds. */
  readonly expiresAt: number;
}

/** An attempt as others see it. */
export interface AttemptRecord {
  readonly nonce: string;
  readonly pid: number;
  readonly host: string;
  readonly startedAt: number;
  /** Absent until the provider has been asked. */
  readonly shown?: Shown;
}

/** An attempt that ended without a session. */
export interface EndedAttempt {
  readonly nonce: string;
  readonly at: number;
  readonly refused: Code;
  readonly reason: string;
  /** Until then nobody begins another one unasked, wall clock. */
  readonly until?: number;
}

/** What is known of attempts that ended. */
export interface AttemptHistory {
  /** Attempts in a row that ended without a session. */
  readonly unanswered: number;
  /** The last attempt that ended without a session, where none came after it. */
  readonly last?: EndedAttempt;
  /** The scopes of the last attempt that ended with a session. */
  readonly asked?: readonly string[];
}

/** The right to make the attempt. */
export interface Claim {
  readonly record: AttemptRecord;
  /** Tells others what to show. */
  publish(shown: Shown): Promise<void>;
  /** Writes down how it ended, and lets others try. */
  end(history: AttemptHistory): Promise<void>;
}

/** Beyond the end of what was shown, or from the start where nothing was: then the owner is stuck. */
const SLACK: Duration = 60_000;

/** The attempts of one profile. Nothing here throws for what a disk does: then attempts are those of this process alone. */
export class Attempts {
  readonly #folder: string;
  /** `undefined`: nothing is shared with other processes. */
  readonly #file: string | undefined;
  readonly #clock: Clock;
  readonly #log: Log;
  #history: AttemptHistory = { unanswered: 0 };

  /** @param place whose attempts they are; sessions in memory share nothing */
  constructor(place: ProfilePlace, clock: Clock, log: Log) {
    this.#folder = place.folder;
    const { kind, folder, group, key } = place;
    this.#file = kind === "memory" ? undefined : join(folder, `${group}-${key}`);
    this.#clock = clock;
    this.#log = log;
  }

  async history(): Promise<AttemptHistory> {
    const found =
      this.#file === undefined ? undefined : await this.#read<AttemptHistory>(`${this.#file}.attempts.json`);
    return found && Number.isSafeInteger(found.unanswered) ? found : this.#history;
  }

  /** The attempt that is under way elsewhere, if there is one. */
  async current(): Promise<AttemptRecord | undefined> {
    const record = this.#file === undefined ? undefined : await this.#read<AttemptRecord>(`${this.#file}.attempt.json`);
    return record && !this.#isOver(record) ? record : undefined;
  }

  /** Takes the attempt, or tells who has it. */
  async claim(): Promise<Claim | AttemptRecord> {
    const record = { nonce: randomUUID(), pid: process.pid, host: hostname(), startedAt: this.#clock.now() };
    const file = this.#file;
    if (file === undefined) return this.#held(record);
    try {
      await openFolder(this.#folder);
      return await withLock(`${file}.attempt.lock`, async () => {
        const theirs = await this.current();
        if (theirs) return theirs;
        await replacePrivate(`${file}.attempt.json`, JSON.stringify(record));
        return this.#held(record);
      });
    } catch (error) {
      this.#log.debug({ reason: describeError(error) }, "the sign-in cannot be shared with other processes");
      return this.#held(record);
    }
  }

  #isOver({ pid, host, startedAt, shown }: AttemptRecord): boolean {
    const until = (shown?.expiresAt ?? startedAt) + SLACK;
    return this.#clock.now() > until || (host === hostname() && !isAlive(pid));
  }

  #held(record: AttemptRecord): Claim {
    const file = this.#file;
    const path = `${file}.attempt.json`;
    return {
      record,
      publish: async (shown) => {
        if (file !== undefined) await this.#replace(path, { ...record, shown });
      },
      end: async (history) => {
        this.#history = history;
        if (file === undefined) return;
        await this.#replace(`${file}.attempts.json`, history);
        const theirs = await this.#read<AttemptRecord>(path);
        if (theirs?.nonce === record.nonce) await unlink(path).catch(() => undefined);
      },
    };
  }

  async #read<T>(path: string): Promise<T | undefined> {
    try {
      const value: unknown = JSON.parse((await readPrivate(path)) ?? "null");
      return typeof value === "object" && value !== null ? (value as T) : undefined;
    } catch {
      return undefined;
    }
  }

  async #replace(path: string, value: unknown): Promise<void> {
    try {
      await replacePrivate(path, JSON.stringify(value));
    } catch (error) {
      this.#log.debug({ reason: describeError(error) }, "the sign-in cannot be shared with other processes");
    }
  }
}

/** The refusal with which another process's attempt ended, if the history tells of that attempt. */
export function refusalIn({ last }: AttemptHistory, nonce: string): Refusal | undefined {
  if (last?.nonce !== nonce || !Object.hasOwn(catalogue, last.refused)) return undefined;
  return { refused: last.refused, facts: { reason: last.reason }, reason: last.reason };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code === "EPERM";
  }
}
