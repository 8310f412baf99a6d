/** Brings a changed configuration into a running server, or says in the log why the old one stays. */
import { ConfigInvalid, formatProblem, type LoadedServer, refuseUnbuilt, type ServerSettings } from "@smcp/config";
import { describeError, Failure, type Log } from "@smcp/core";
import { outline } from "./outline.ts";

/** What reloading needs. */
export interface Reloading {
  /** What runs now. */
  readonly loaded: LoadedServer;
  /** Reads the file again. */
  readonly load: () => LoadedServer;
  /** The server, once it runs. */
  readonly server: Promise<{ reload(load: () => ServerSettings): Promise<void> }>;
  readonly log: Log;
}

/**
 * Builds what a signal or a change of the file leads to. It never rejects.
 *
 * @returns a function that reloads; without `always` only a file with another text
 */
export function reloader({ loaded, load, server, log }: Reloading): (always: boolean) => Promise<void> {
  let current = loaded;
  return async (always) => {
    const running = await server;
    const next = attempt(load);
    if (!always && "loaded" in next && next.loaded.text === current.text) return;
    try {
      await running.reload(() => {
        if ("error" in next) throw next.error;
        refuseUnbuilt(next.loaded.unbuilt, next.loaded.file);
        return next.loaded.settings;
      });
    } catch (error) {
      tellRefused(error, current.file, log);
      return;
    }
    if (!("loaded" in next)) return;
    tellReloaded(current, next.loaded, log);
    current = next.loaded;
  };
}

type Attempt = { readonly loaded: LoadedServer } | { readonly error: unknown };

function attempt(load: () => LoadedServer): Attempt {
  try {
    return { loaded: load() };
  } catch (error) {
    return { error };
  }
}

function tellRefused(error: unknown, file: string, log: Log): void {
  const what = `"${file}" was not reloaded, the old configuration stays`;
  if (error instanceof ConfigInvalid) {
    const count = error.problems.length === 1 ? "one problem" : `${error.problems.length} problems`;
    log.error({ problems: error.problems.length }, `${what}: the file has ${count}`);
    for (const problem of error.problems) log.error({}, formatProblem(file, problem));
  } else if (error instanceof Failure) log.error({ hint: error.hint }, `${what}: ${error.message}`);
  else log.error({}, `${what}: ${describeError(error)}`);
}

function tellReloaded(before: LoadedServer, now: LoadedServer, log: Log): void {
  log.info({}, `"${now.file}" was reloaded`);
  const old = new Map(outline(before).lines);
  for (const [name, value] of outline(now).lines) if (old.get(name) !== value) log.info({}, `${name}: ${value}`);
  for (const warning of now.settings.warnings) if (!before.settings.warnings.includes(warning)) log.warn({}, warning);
}
