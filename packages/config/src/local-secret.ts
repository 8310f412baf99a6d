/** Reads the secret that local apps must send. Others of this machine must not be able to do the same. */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { Failure, Secret } from "@smcp/core";
import type { Values } from "./client-values.ts";
import { quote } from "./problem.ts";

const LEAST = 16;
const MAX_FILE = 4_096;
const HOW = "write one with: (umask 077; openssl rand -hex 32 > local-secret)";

/** Whose a file is, and who may do what with it. */
export interface FileRights {
  readonly uid: number;
  readonly mode: number;
}

/**
 * The local secret, if one is asked for.
 *
 * @throws Failure with exit code 2 when there is none in the file, or when others can read it there
 */
export function readLocalSecret(read: Values): Secret | undefined {
  const file = read.file("local-secret-file");
  if (file === undefined) return undefined;
  const { text, rights } = readGuarded(file);
  const problem = judgeRights(rights, process.geteuid?.());
  if (problem) throw new Failure(`the local secret ${quote(file)} ${problem.what}`, problem.hint(file), 2);
  const secret = text.replace(/\r?\n$/, "");
  if (secret.length < LEAST) {
    throw new Failure(`the local secret ${quote(file)} has fewer than ${LEAST} characters`, HOW, 2);
  }
  // It travels in a header and in a path.
  if (!/^[\x21-\x7e]+$/.test(secret)) {
    throw new Failure(`the local secret ${quote(file)} is not one line of visible ASCII characters`, HOW, 2);
  }
  return new Secret(secret);
}

/** What is wrong with a file's rights, and what to do about it. */
export interface RightsProblem {
  readonly what: string;
  readonly hint: (file: string) => string;
}

/**
 * Judges who may read the file. One of our own is for us alone. One of root's was put there for us, as containers'
 * secrets are (0444, or 0440 and our group): its readers are root's choice, as long as nobody else can write it.
 *
 * @param own the user that this process runs as; `undefined` where there are none (Windows)
 */
export function judgeRights({ uid, mode }: FileRights, own: number | undefined): RightsProblem | undefined {
  if (own === undefined) return undefined;
  const octal = (mode & 0o777).toString(8).padStart(4, "0");
  if (uid === own) {
    if ((mode & 0o077) === 0) return undefined;
    return { what: `is open to other users (mode ${octal})`, hint: (file) => `chmod 600 ${shellQuote(file)}` };
  }
  if (uid !== 0) {
    const hint = `let user ${own} own it; in a container, run as its owner: docker run --user ${uid}`;
    return { what: `belongs to another user (${uid})`, hint: () => hint };
  }
  if ((mode & 0o022) === 0) return undefined;
  return { what: `can be changed by other users (mode ${octal})`, hint: (file) => `chmod go-w ${shellQuote(file)}` };
}

function readGuarded(file: string): { readonly text: string; readonly rights: FileRights } {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, "r");
    // Of what was opened, not of what the name meant a moment ago.
    const rights = fstatSync(descriptor);
    if (rights.size > MAX_FILE) throw new Failure(`the local secret ${quote(file)} is larger than 4KiB`, HOW, 2);
    return { text: readFileSync(descriptor, "latin1"), rights };
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    // Docker makes a folder in place of a file that is not there.
    const isMissing = code === "ENOENT" || code === "EISDIR";
    const hint = isMissing ? HOW : "give this user, and no other, the right to read it";
    throw new Failure(`the local secret ${quote(file)} cannot be read (${code})`, hint, 2);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function shellQuote(file: string): string {
  return /^[\w@%+=:,./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`;
}
