/** Secrets in files that somebody else keeps up to date: read when they are needed, never held on to. */
import { readFile, stat } from "node:fs/promises";

import { Secret, type Bytes } from "@smcp/core";

/** A file that cannot be used as it is now; its message names it, and never what is in it. */
export class SecretFileUnusable extends Error {
  override readonly name = "SecretFileUnusable";
}

const MAX_FILE: Bytes = 64 * 1_024;

/**
 * Reads the text of a file.
 *
 * @param what the file holds, for messages: `client secret`
 * @throws {SecretFileUnusable} where it is missing, empty, or larger than such a thing is
 */
export async function readSecretFile(file: string, what: string): Promise<Secret> {
  const name = `the ${what} file "${file}"`;
  let text: string;
  try {
    if ((await stat(file)).size > MAX_FILE) throw new SecretFileUnusable(`${name} is larger than 64KiB`);
    text = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof SecretFileUnusable) throw error;
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw new SecretFileUnusable(`${name} cannot be read (${code})`);
  }
  const trimmed = text.replace(/\r?\n$/, "");
  if (trimmed === "") throw new SecretFileUnusable(`${name} is empty`);
  return new Secret(trimmed);
}

/**
 * Reads a token: one line that fits into a header.
 *
 * @throws {SecretFileUnusable} like {@link readSecretFile}, and where it is anything else
 */
export async function readTokenFile(file: string, what: string): Promise<Secret> {
  const token = (await readSecretFile(file, what)).reveal().trim();
  if (!/^[\x21-\x7e]{1,12288}$/.test(token)) {
    throw new SecretFileUnusable(`the ${what} file "${file}" does not hold one line of visible ASCII characters`);
  }
  return new Secret(token);
}
