/** Process groups of the system: is one still there, tell it to end, wait until it has. Knows nothing of what runs in it. */
import { promises as files } from "node:fs";
import { promises as timers } from "node:timers";
import type { Duration } from "@smcp/core";

const FIRST_PAUSE: Duration = 5;
const LONGEST_PAUSE: Duration = 50;

/**
 * Sends a signal to every process of a group; 0 only asks.
 *
 * @returns false when nothing is left there that may be signalled
 */
export function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, signal);
  } catch {
    // ESRCH: the group is gone. EPERM: on macOS only zombies are left, elsewhere it is not ours any more.
    return false;
  }
}

/** Waits until no process of the group is left. False when some still are after `limit`. */
export async function isGroupGoneWithin(leader: number, limit: Duration): Promise<boolean> {
  const end = performance.now() + limit;
  let pause = FIRST_PAUSE;
  while (signalGroup(leader, 0)) {
    const left = end - performance.now();
    if (left <= 0) return !(await hasLiving(leader));
    await timers.setTimeout(Math.min(pause, left));
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
  return true;
}

/**
 * True unless all that is left of the group are zombies. In a container the first process is often one that reaps
 * nobody: its zombies stay for ever, and waiting for them or signalling them again would change nothing.
 */
async function hasLiving(leader: number): Promise<boolean> {
  // Only Linux has this folder.
  const names = await files.readdir("/proc").catch(() => undefined);
  if (!names) return true;
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await files.readFile(`/proc/${name}/stat`, "latin1").catch(() => "");
    // The program's name stands in parentheses and may hold anything; behind it: state, parent, group.
    const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ", 3);
    if (Number(group) === leader && state !== "Z" && state !== "X") return true;
  }
  return false;
}
