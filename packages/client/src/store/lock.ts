/**
 * A lock between processes, as a file: Node has no `flock`. It appears complete (a finished file is linked to its name), is
 * taken from the dead at once and from anybody after its lease, and is given back only by whoever holds it.
 */
import { randomUUID } from "node:crypto";
import { readlinkSync } from "node:fs";
import { link, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";

import { systemClock, type Clock, type Duration } from "@smcp/core";

import { codeOf } from "./private-file.ts";

/** What stands in the file. */
interface Holder {
  readonly pid: number;
  /** When it was taken, wall clock. */
  readonly started: number;
  readonly host: string;
  readonly nonce: string;
}

/** A lock that was not to be had in time. */
export class LockBusy extends Error {
  override readonly name = "LockBusy";
}

/** How long somebody may hold the lock: more than any token request takes. */
const LEASE: Duration = 60_000;
/** A little longer than the lease: whoever waits gets the lock in the end. */
const LONGEST_WAIT: Duration = LEASE + 5_000;
/** Nobody gives up for a time that passed while the machine slept. */
const FEWEST_LOOKS = 20;
/** How long a lock past its lease is watched before it is taken: after a sleep, its holder goes on as we do. */
const LAST_CHANCE: Duration = 1_000;
/** How long a guard may stand; what it guards takes microseconds. */
const GUARD_LEASE: Duration = 5_000;
/** Begins every nonce of this process: a lock of our pid with another one is from before a restart. */
const PROCESS = randomUUID();
const HOST = hostName();

/**
 * Runs `work` while holding the lock. Not for a process that holds it already.
 *
 * @throws {LockBusy} after a little more than a minute; the system's error where no file can be made there
 */
export async function withLock<T>(path: string, work: () => Promise<T>, clock: Clock = systemClock): Promise<T> {
  const nonce = await acquire(path, clock);
  try {
    return await work();
  } finally {
    await takeAway(path, nonce).catch(() => undefined);
  }
}

async function acquire(path: string, clock: Clock): Promise<string> {
  const nonce = `${PROCESS}.${randomUUID()}`;
  const began = clock.elapsed();
  const watch = new Watch(clock);
  for (let round = 0; ; round++) {
    const found = await readHolder(path);
    if (!found) {
      if (await tryToTake(path, { pid: process.pid, started: clock.now(), host: HOST, nonce })) return nonce;
    } else if (watch.isOver(found)) {
      await takeFrom(path, found.nonce, clock);
      continue;
    }
    if (round > FEWEST_LOOKS && clock.elapsed() - began > LONGEST_WAIT)
      throw new LockBusy(`the lock "${path}" is held by process ${found?.pid}`);
    await pause(Math.min(10 * 2 ** round, 150) * (0.5 + Math.random()));
  }
}

/** True when the lock is ours now. */
async function tryToTake(path: string, holder: Holder): Promise<boolean> {
  const text = JSON.stringify(holder);
  const temporary = `${path}.${holder.nonce}.tmp`;
  try {
    await writeFile(temporary, text, { flag: "wx", mode: 0o600 });
    await link(temporary, path);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") return false;
    // A file system without links: the file may then be seen before it is complete, which counts as held.
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "ENOSYS") throw error;
    return await create(path, text);
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    // It may be there by now, without its text.
    await unlink(path).catch(() => undefined);
    throw error;
  }
}

/** Watches who holds the lock, to see when nobody does any more. */
class Watch {
  readonly #clock: Clock;
  #nonce = "";
  #since = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isOver(holder: Holder): boolean {
    const { nonce, host, pid, started } = holder;
    const now = this.#clock.elapsed();
    if (nonce !== this.#nonce) {
      this.#nonce = nonce;
      this.#since = now;
    }
    if (host === HOST && isGone(pid, nonce)) return true;
    const watched = now - this.#since;
    // The clock that says longer: the wall clock may have been set back since.
    return watched >= LEASE || (this.#clock.now() - started >= LEASE && watched >= LAST_CHANCE);
  }
}

function isGone(pid: number, nonce: string): boolean {
  if (pid === process.pid) return !nonce.startsWith(PROCESS);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === "ESRCH";
  }
}

/** Takes the lock from a holder that is gone. One at a time: else a second thief would take the lock of the first. */
async function takeFrom(path: string, nonce: string, clock: Clock): Promise<void> {
  const guard = `${path}.guard`;
  if (!(await create(guard, ""))) {
    const made = await stat(guard).catch(() => undefined);
    if (made && clock.now() - made.mtimeMs > GUARD_LEASE) await unlink(guard).catch(() => undefined);
    else await pause(5);
    return;
  }
  try {
    await takeAway(path, nonce);
  } finally {
    await unlink(guard).catch(() => undefined);
  }
}

/** Takes the lock's file away if it is this holder's. */
async function takeAway(path: string, nonce: string): Promise<void> {
  if ((await readHolder(path))?.nonce !== nonce) return;
  const aside = `${path}.${randomUUID()}.tmp`;
  await rename(path, aside);
  // Somebody else's after all, taken between two steps of ours: back with it.
  if ((await readHolder(aside))?.nonce !== nonce) await link(aside, path).catch(() => undefined);
  await unlink(aside);
}

/** Who holds the lock; a file that says nothing is held by nobody known since it was written. */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const [text, { mtimeMs, ino }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    return holderIn(text) ?? { pid: 0, started: mtimeMs, host: "", nonce: `file ${ino}` };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function holderIn(text: string): Holder | undefined {
  try {
    const { pid, started, host, nonce } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const isWhole = Number.isSafeInteger(pid) && typeof started === "number" && typeof nonce === "string";
    return isWhole && typeof host === "string" && Number(pid) > 0
      ? { pid: Number(pid), started, host, nonce }
      : undefined;
  } catch {
    return undefined;
  }
}

/** This machine, as far as process ids mean something in it: containers count their own. */
function hostName(): string {
  try {
    return `${hostname()} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}
