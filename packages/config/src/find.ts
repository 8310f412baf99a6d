/** Where the configuration file is, and its text. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Failure } from "@smcp/core";

/** A file that was read. */
export interface FileText {
  /** The name as a person gave it, for messages. */
  readonly file: string;
  readonly text: string;
}

const MAX_FILE = 1 << 20;

/** The user's folder of configuration files for smcp. */
export function configFolder(env: Readonly<Record<string, string | undefined>>): string {
  const configured = env["XDG_CONFIG_HOME"];
  // A relative one is to be ignored: it would lead into the working directory.
  const base = configured?.startsWith("/") === true ? configured : join(env["HOME"] || homedir(), ".config");
  return join(base, "smcp");
}

/** The places where `smcp server` looks when it is not told, in order. */
export function serverPlaces(env: Readonly<Record<string, string | undefined>>): string[] {
  return ["configs/proxy-server.yml", "smcp.yaml", join(configFolder(env), "smcp.yaml"), "/etc/smcp/smcp.yaml"];
}

/**
 * Reads the first of some files that exists.
 *
 * @param otherwise what counts when there is none
 * @throws Failure with exit code 2 when there is none, or when it cannot be read
 */
export function readFirst(places: readonly string[], cwd: string, otherwise?: FileText): FileText {
  for (const file of places) {
    const text = readText(file, cwd);
    if (text !== undefined) return { file, text };
  }
  if (otherwise) return otherwise;
  const looked = places.map((one) => `"${one}"`).join(", ");
  if (places.length === 1) {
    throw new Failure(
      `the configuration ${looked} does not exist`,
      "check the path, which starts in the working directory",
      2,
    );
  }
  throw new Failure(
    `no configuration was found: looked for ${looked}`,
    "name the file with -c, or write one of these",
    2,
  );
}

/**
 * Reads a text file of bounded size.
 *
 * @returns `undefined` when there is none
 * @throws Failure with exit code 2 when it is there but cannot be read
 */
export function readText(file: string, cwd: string): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(resolve(cwd, file));
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new Failure(`the configuration "${file}" cannot be read (${code ?? "unknown"})`, reason(code), 2);
  }
  if (bytes.length > MAX_FILE) {
    throw new Failure(`the configuration "${file}" is larger than 1MiB`, "is it the right file?", 2);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Failure(`the configuration "${file}" is not UTF-8 text`, "save it as UTF-8", 2);
  }
}

function reason(code: string | undefined): string {
  if (code === "EISDIR") return "it is a folder: name the file in it";
  return code === "EACCES" ? "give this user the right to read it" : "check the path and the file";
}
