/** A long-running program of the demo: started by the supervisor, awaited, and quoted when it fails. */
import { promises as timers } from "node:timers";
import { describeError, Failure, type Duration, type Log } from "@smcp/core";
import { startChild, type Child, type ChildOptions } from "@smcp/edge";

/** A program that runs. */
export interface Program extends AsyncDisposable {
  readonly name: string;
  readonly exited: Child["exited"];
  /** The end of what it wrote to stderr, at most 20 lines. */
  lastWords(): readonly string[];
  /**
   * Waits until something answers below `url`: any status when `status` is left out.
   *
   * @throws Failure when it ends before, or does not answer within 20 s
   */
  answers(url: string, signal: AbortSignal, status?: number): Promise<void>;
}

const KEPT_LINES = 20;
const READY_LIMIT: Duration = 20_000;
const PAUSE: Duration = 50;
const ATTEMPT_LIMIT: Duration = 2_000;

/** Starts a program that serves until TERM. Its stderr goes to the log at `debug`. */
export async function startProgram(
  name: string,
  options: Omit<ChildOptions, "onStderr" | "grace" | "stdinGrace">,
  log: Log,
): Promise<Program> {
  const kept: string[] = [];
  const child = await startChild({
    ...options,
    // Servers do not end with their stdin, and drain for 2 s after TERM.
    stdinGrace: 0,
    grace: 5_000,
    onStderr: (line) => {
      kept.push(line);
      if (kept.length > KEPT_LINES) kept.shift();
      log.debug({ program: name }, line);
    },
  });
  // Nobody reads it, and a full pipe would stop the program.
  child.stdout.resume();
  return {
    name,
    exited: child.exited,
    lastWords: () => kept,
    answers: async (url, signal, status) => waitForAnswer(name, child, { url, status }, signal),
    [Symbol.asyncDispose]: async () => child.stop(),
  };
}

async function waitForAnswer(
  name: string,
  child: Child,
  wanted: { readonly url: string; readonly status: number | undefined },
  signal: AbortSignal,
): Promise<void> {
  const ended = new AbortController();
  const watch = async (): Promise<void> => {
    const { code, signal: by } = await child.exited;
    const how = by === null ? `with code ${code}` : `by ${by}`;
    ended.abort(new Failure(`${name} ended ${how} before it was ready`, "its last lines above say why"));
  };
  void watch();
  const late = AbortSignal.timeout(READY_LIMIT);
  const any = AbortSignal.any([signal, ended.signal, late]);
  let last = "nothing yet";
  while (!any.aborted) {
    last = await ask(wanted.url, any);
    if (last === `status ${wanted.status}` || (wanted.status === undefined && last.startsWith("status"))) return;
    await timers.setTimeout(PAUSE, undefined, { signal: any }).catch(() => undefined);
  }
  if (any.reason === late.reason) {
    throw new Failure(`${name} did not answer at ${wanted.url} within 20s: ${last}`, "its last lines above say why");
  }
  throw any.reason;
}

async function ask(url: string, signal: AbortSignal): Promise<string> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_LIMIT)]) });
    await answer.body?.cancel();
    return `status ${answer.status}`;
  } catch (error) {
    return describeError(error);
  }
}
