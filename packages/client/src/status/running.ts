/** What a running client tells of itself to its own user, in a file of the state folder: written by it, read by `smcp status`. */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, stat, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import type { ClientSettings } from "@smcp/config";
import { describeError, type Duration, type Log } from "@smcp/core";

import type { Client } from "../client.ts";
import type { Gateway } from "../gateway.ts";
import { codeOf, openFolder, readPrivate } from "../store/private-file.ts";
import type { SignInState } from "../tokens/tokens.ts";
import { version } from "../version.ts";
import type { App } from "./apps.ts";
import type { LastError } from "./board.ts";

/** A running client. Times are wall-clock milliseconds. */
export interface RunningClient {
  readonly pid: number;
  readonly host: string;
  readonly version: string;
  readonly startedAt: number;
  /** Where apps reach it. */
  readonly url: string;
  readonly server: string;
  readonly profile: string;
  readonly signIn: SignInState;
  readonly apps: readonly App[];
  readonly calls: number;
  readonly lastError?: LastError;
}

/** What is told. */
export interface Told {
  readonly client: Client;
  readonly settings: ClientSettings;
  readonly gateway: Gateway;
  readonly startedAt: number;
}

/** A client as it is at this moment. */
export function describeClient({ client, settings, gateway, startedAt }: Told): RunningClient {
  const { apps, calls, lastError } = gateway.board;
  return {
    pid: process.pid,
    host: hostname(),
    version,
    startedAt,
    url: client.url,
    server: settings.serverUrl.href,
    profile: settings.profile,
    signIn: gateway.tokens.describe(),
    apps: apps.list(),
    calls,
    ...(lastError && { lastError }),
  };
}

const FOLDER = "clients";
const TEMPORARY = ".tmp";
const PAUSE: Duration = 1_000;
/** Writing takes milliseconds: what is older was left by somebody who was killed. */
const OLD: Duration = 60_000;

/** The file of this process. Nothing of it ever stops the client: what cannot be written is told once. */
export class StatusFile {
  readonly #folder: string;
  readonly #file: string;
  readonly #describe: () => RunningClient;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #isOver = false;

  /** @param describe called when the file is written */
  constructor(stateFolder: string, log: Log, describe: () => RunningClient) {
    this.#folder = join(stateFolder, FOLDER);
    // There may be several in one process.
    this.#file = join(this.#folder, `${process.pid}-${randomUUID().slice(0, 8)}.json`);
    this.#describe = describe;
    this.#log = log;
  }

  /** Something has changed: the file is written within a second, and at most once in one. */
  touch(): void {
    if (this.#timer === undefined && !this.#isOver) this.#timer = setTimeout(() => void this.#write(), PAUSE).unref();
  }

  /** Writes it now, and takes away what clients left that were killed. Never rejects. */
  async open(): Promise<void> {
    await this.#write();
    // Nobody waits for it: there may be many.
    void runningClients(join(this.#folder, "..")).catch(() => undefined);
  }

  /** Takes the file away. Never rejects. */
  async close(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    await this.#writing;
    await unlink(this.#file).catch(() => undefined);
  }

  #write(): Promise<void> {
    this.#writing = this.#replace().finally(() => {
      this.#timer = undefined;
    });
    return this.#writing;
  }

  async #replace(): Promise<void> {
    const temporary = this.#file + TEMPORARY;
    try {
      await openFolder(join(this.#folder, ".."));
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      // Not synced: what a power cut leaves of it tells of a process that is gone.
      await writeFile(temporary, JSON.stringify(this.#describe()), { mode: 0o600 });
      await rename(temporary, this.#file);
    } catch (error) {
      this.#isOver = true;
      this.#log.debug({ reason: describeError(error) }, "smcp status will not know of this client");
    }
  }
}

/** The clients of this user that run on this machine, the newest first. Files of the dead are taken away. */
export async function runningClients(stateFolder: string): Promise<RunningClient[]> {
  const folder = join(stateFolder, FOLDER);
  const found: RunningClient[] = [];
  for (const name of await namesIn(folder)) {
    const file = join(folder, name);
    if (name.endsWith(TEMPORARY)) {
      await sweepOld(file);
      continue;
    }
    const client = readClient(await readPrivate(file).catch(() => undefined));
    if (!client || client.host !== hostname()) continue;
    if (isAlive(client.pid)) found.push(client);
    else await unlink(file).catch(() => undefined);
  }
  return found.toSorted((one, other) => other.startedAt - one.startedAt);
}

/** The client that has the place which settings ask for. */
export async function clientAt({ stateFolder, port, socketPath }: ClientSettings): Promise<RunningClient | undefined> {
  if (port === 0 && socketPath === undefined) return undefined;
  const place = socketPath === undefined ? `:${port}` : `unix:${socketPath}`;
  return (await runningClients(stateFolder)).find(({ url }) => url.endsWith(place));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => /^\d+-[0-9a-f]+\.json(?:\.tmp)?$/.test(name));
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  }
}

async function sweepOld(file: string): Promise<void> {
  try {
    if (Date.now() - (await stat(file)).mtimeMs > OLD) await unlink(file);
  } catch {
    // Whoever wrote it was faster.
  }
}

function readClient(text: string | undefined): RunningClient | undefined {
  try {
    const found = JSON.parse(text ?? "") as Partial<RunningClient>;
    const isWhole = typeof found.pid === "number" && typeof found.url === "string" && Array.isArray(found.apps);
    return isWhole ? (found as RunningClient) : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // Gone, or somebody else's by now.
    return false;
  }
}
