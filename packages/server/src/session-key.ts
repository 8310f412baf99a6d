/** The key that binds session ids to their owners: configured, or made once and kept in the data folder. */
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";

import { describeError, type Log, type Secret } from "@smcp/core";

const LENGTH = 32;

/** The configured key, else the data folder's, else a new one that lasts as long as the process. */
export async function sessionKey(configured: Secret | undefined, dataFolder: string, log: Log): Promise<Buffer> {
  if (configured) return Buffer.from(configured.reveal());
  const file = join(dataFolder, "session.key");
  try {
    await mkdir(dataFolder, { recursive: true, mode: 0o700 });
    return await createOrRead(file);
  } catch (error) {
    log.warn(
      { file, reason: describeError(error) },
      "the session key cannot be kept: sessions end when the server restarts (set server.session_key or make the folder writable)",
    );
    return randomBytes(LENGTH);
  }
}

async function createOrRead(file: string): Promise<Buffer> {
  try {
    await using handle = await open(file, "wx", 0o600);
    const key = randomBytes(LENGTH);
    await handle.writeFile(key);
    await handle.sync();
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const key = await readFile(file);
  if (key.length < LENGTH) throw new Error(`${file} holds no key: delete it`);
  return key;
}
