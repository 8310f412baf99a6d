/**
 * Files that belong to this user alone: opened without following links, refused where others could have read or written
 * them, replaced as a whole. Knows nothing of what is in them.
 */
import { randomUUID } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { mkdir, open, readdir, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { Bytes, Duration } from "@smcp/core";

/** A file or folder that must not be used. The message names it, the hint says how to mend it. */
export class FileUnsafe extends Error {
  override readonly name = "FileUnsafe";
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

const MAX_SIZE: Bytes = 1 << 20;
// A pipe in the file's place must not hold the program up.
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Makes a folder that only this user may enter, with all above it.
 *
 * @throws {FileUnsafe} where there is one that others may enter; any other error as the system tells it
 */
export async function openFolder(path: string): Promise<void> {
  await makeFolder(path);
  judge(path, await stat(path), "folder");
}

/** Node's own way to make all of them never ends where a system has the folder above and takes none in it. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) === "EEXIST") return;
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (codeOf(error) !== "EEXIST") throw error;
    });
  }
}

/**
 * Reads a file of ours as UTF-8 text, `undefined` where there is none.
 *
 * @throws {FileUnsafe} where others could have read or written it; any other error as the system tells it
 */
export async function readPrivate(path: string): Promise<string | undefined> {
  const file = await openOwn(path);
  if (!file) return undefined;
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new FileUnsafe(`"${path}" is not a file`, "move it away");
    judge(path, found, "file");
    if (found.size > MAX_SIZE) throw new FileUnsafe(`"${path}" is too large to be ours`, "move it away");
    // Of the folder too: whoever may write there can put another file of ours into this one's place.
    judge(dirname(path), await stat(dirname(path)), "folder");
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

async function openOwn(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, READ);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (code === "ELOOP" || code === "EMLINK") throw new FileUnsafe(`"${path}" is a link`, "move it away");
    throw error;
  }
}

/** Replaces a file; on disk when this ends. What was there before stays whole until then, and where this fails. */
export async function replacePrivate(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Deletes what an end in the midst of {@link replacePrivate} left beside a file. Never rejects.
 *
 * @param age how old it must be: younger ones may be somebody's who is writing
 */
export async function removeLeftovers(path: string, age: Duration): Promise<void> {
  try {
    const names = await readdir(dirname(path));
    for (const name of names) {
      const one = join(dirname(path), name);
      if (!one.startsWith(`${path}.`) || !one.endsWith(".tmp")) continue;
      if (Date.now() - (await stat(one)).mtimeMs >= age) await unlink(one);
    }
  } catch {
    // Somebody else was faster, or it stays until the next time.
  }
}

/** The new name is on disk only with its folder; systems that cannot do this do it by themselves. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, constants.O_RDONLY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // The file itself is whole in any case.
  }
}

function judge(path: string, found: Stats, kind: "file" | "folder"): void {
  // Systems without users of this kind guard a user's folder by themselves.
  const own = process.getuid?.();
  if (own === undefined) return;
  if (found.uid !== own) {
    throw new FileUnsafe(`the ${kind} "${path}" belongs to another user`, `move it away, or give it to this user`);
  }
  const others = found.mode & 0o077;
  if (others === 0) return;
  const mode = (found.mode & 0o777).toString(8);
  throw new FileUnsafe(
    `the ${kind} "${path}" is open to other users (mode ${mode})`,
    `chmod ${kind === "file" ? "600" : "700"} "${path}" where you trust what is in it, else move it away`,
  );
}

/** The system's code of an error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}
