/** Makes room for a unix socket: a folder that is ours alone, and nothing left there by a client that was killed. */
import { lstatSync, mkdirSync, statSync, unlinkSync, type Stats } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";

import { describeError, Failure, type Duration } from "@smcp/core";

/** Whoever listens takes a connection at once, busy or not. */
const ANSWER_TIME: Duration = 1_000;

/**
 * Prepares the path. A socket that is there is removed only when it is ours and nobody answers on it.
 *
 * @throws {Failure} when the folder is open to others, or something else has the path
 */
export async function clearSocketPlace(path: string): Promise<void> {
  prepareFolder(dirname(path));
  const found = lookAt(path);
  if (!found) return;
  if (!found.isSocket()) {
    throw new Failure(`"${path}" is there already and is not a socket`, "choose another path, or move that away");
  }
  if (!isOurs(found)) {
    throw new Failure(`the socket "${path}" belongs to another user (${found.uid})`, "choose another path");
  }
  const why = await whyUnanswered(path);
  if (why === "ENOENT") return;
  if (why !== "ECONNREFUSED") {
    throw new Failure(`the socket "${path}" is taken by another program`, "stop that program, or choose another path");
  }
  unlinkSync(path);
}

function prepareFolder(folder: string): void {
  let found: Stats;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    found = statSync(folder);
  } catch (error) {
    throw new Failure(
      `the folder "${folder}" for the socket cannot be made: ${describeError(error)}`,
      "choose a path in a folder of your own",
    );
  }
  const hint = `use a folder of your own: mkdir -m 700 FOLDER, then --listen unix:FOLDER/smcp.sock`;
  if (!isOurs(found) && found.uid !== 0) {
    throw new Failure(`the folder "${folder}" for the socket belongs to another user (${found.uid})`, hint, 2);
  }
  if ((found.mode & 0o022) !== 0) {
    const mode = (found.mode & 0o7777).toString(8).padStart(4, "0");
    throw new Failure(`others can write in the folder "${folder}" of the socket (mode ${mode})`, hint, 2);
  }
}

function lookAt(path: string): Stats | undefined {
  // Not through a link: what it leads to is not what would be removed.
  return lstatSync(path, { throwIfNoEntry: false });
}

function isOurs({ uid }: Stats): boolean {
  return uid === process.geteuid?.();
}

/** Why nobody answers on a socket; `undefined` when somebody does, or might. */
function whyUnanswered(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path, timeout: ANSWER_TIME });
    const settle = (code?: string): void => {
      socket.destroy();
      resolve(code);
    };
    socket.once("connect", () => settle());
    socket.once("timeout", () => settle());
    socket.once("error", (error: NodeJS.ErrnoException) => settle(error.code));
  });
}
