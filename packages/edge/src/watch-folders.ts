/**
 * Tells that something may have changed in the folders of some files: at an event of the file system, once it is quiet
 * again, and now and then where it tells nothing. Whether anything did change is for the listener to find out.
 */
import { watch, type FSWatcher } from "node:fs";
import { dirname } from "node:path";

import type { Duration } from "@smcp/core";

/** How soon a change is told. */
export interface WatchTimes {
  /** How long it must have been quiet: a writer may be half way through. */
  readonly settle: Duration;
  /** Between looks at file systems that tell nothing. */
  readonly poll: Duration;
}

const DEFAULT_TIMES: WatchTimes = { settle: 150, poll: 10_000 };

/** Calls `onMaybe` until disposed. Keeps no program running. */
export function watchFolders(
  files: readonly string[],
  onMaybe: () => void,
  times: WatchTimes = DEFAULT_TIMES,
): Disposable {
  let settling: NodeJS.Timeout | undefined;
  const stir = (): void => {
    clearTimeout(settling);
    settling = setTimeout(onMaybe, times.settle).unref();
  };
  // The folders and not the files: a watch of a file would stay with the one that was replaced.
  const watchers = [...new Set(files.map((file) => dirname(file)))].map((folder) => watchFolder(folder, stir));
  const polling = setInterval(onMaybe, times.poll).unref();
  return {
    [Symbol.dispose]() {
      clearTimeout(settling);
      clearInterval(polling);
      for (const watcher of watchers) watcher?.close();
    },
  };
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
