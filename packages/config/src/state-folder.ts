/** Where a user's state of smcp is: tokens, what a running client tells, nothing that a person edits. */
import { homedir, userInfo } from "node:os";
import { isAbsolute, join } from "node:path";

import type { Environment } from "./flags.ts";

/** The folder, absolute; nothing looks whether it is there. */
export function stateFolder(env: Environment, platform: string = process.platform): string {
  const configured = env["XDG_STATE_HOME"];
  // A relative one is to be ignored: it would lead into the working directory.
  if (configured !== undefined && isAbsolute(configured)) return join(configured, "smcp");
  const home = homeOf(env);
  if (platform === "darwin") return join(home, "Library/Application Support/smcp");
  if (platform !== "win32") return join(home, ".local/state/smcp");
  const local = env["LOCALAPPDATA"];
  return join(local !== undefined && isAbsolute(local) ? local : join(home, "AppData/Local"), "smcp");
}

function homeOf(env: Environment): string {
  const home = env["HOME"] || homedir();
  if (isAbsolute(home)) return home;
  try {
    return userInfo().homedir;
  } catch {
    // A user without an entry, in a container: nothing can be written there, which is told when it is tried.
    return "/";
  }
}
