/**
 * Tells when a file has changed, however that was done: written in place, replaced by an editor, or swapped in by a
 * symbolic link above it, as Kubernetes does. Reads nothing of it.
 */
import { statSync, watch, type FSWatcher } from "node:fs";
import { dirname } from "node:path";
import type { Duration } from "@smcp/core";

/** How soon a change is told. */
export interface WatchTimes {
  /** How long the file must have stayed as it is: a writer may be half way through. */
  readonly settle: Duration;
  /** Between looks at file systems that tell nothing. */
  readonly poll: Duration;
}

const DEFAULT_TIMES: WatchTimes = { settle: 150, poll: 2_000 };

/** Calls `onChange` after each change, until disposed. A file that is gone is waited for. */
export function watchFile(file: string, onChange: () => void, times: WatchTimes = DEFAULT_TIMES): Disposable {
  let known = stateOf(file);
  let seen = known;
  let timer: NodeJS.Timeout | undefined;
  // However much happens in the folder, the file is looked at once per `settle`.
  const look = (): void => {
    timer ??= setTimeout(check, times.settle).unref();
  };
  const check = (): void => {
    timer = undefined;
    const now = stateOf(file);
    const isSettled = now === seen;
    seen = now;
    if (!isSettled) look();
    else if (now !== GONE && now !== known) {
      known = now;
      onChange();
    }
  };
  // The folder and not the file: a watch of the file would stay with the one that was replaced.
  const watcher = watchFolder(dirname(file), look);
  const polling = setInterval(look, times.poll).unref();
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      clearInterval(polling);
      watcher?.close();
    },
  };
}

const GONE = "";

function stateOf(file: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return [ino, size, mtimeNs, ctimeNs].join(" ");
  } catch {
    return GONE;
  }
}

/** Nothing where the system cannot watch: looking now and then is enough. */
function watchFolder(folder: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, onEvent);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
