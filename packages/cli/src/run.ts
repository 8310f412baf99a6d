/** The life of a long-running command: started, told to stop, closed, its log flushed. */
import { describeError } from "@smcp/core";
import type { OpenLog } from "./log.ts";
import { listenToSignals } from "./signals.ts";

/** Something that runs. */
export interface Running {
  /** Ends when it has ended by itself. */
  readonly done?: Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts something and keeps it running until it ends or a signal asks for it.
 *
 * @param reload what SIGHUP does; left out, it stops
 * @returns the exit code
 */
export async function runUntilStopped(
  log: OpenLog,
  start: () => Promise<Running>,
  reload?: () => void,
): Promise<number> {
  const end = (): void => void log.close().then(() => process.exit(1));
  const onBug = (error: unknown): void => {
    // The message alone: properties of errors hold headers, and the stack of a rejection says little more.
    log.error({ reason: describeError(error) }, "internal error, ending");
    end();
  };
  process.on("uncaughtException", onBug);
  process.on("unhandledRejection", onBug);
  using signals = listenToSignals({ ...(reload && { reload }), force: end });
  try {
    const starting = start();
    // A signal may come while it starts: it is then closed as soon as it runs.
    const running = await starting;
    const ended = await Promise.race([signals.stop, running.done?.then(() => undefined) ?? signals.stop]);
    if (ended !== undefined) log.info({}, `stopping after ${ended}`);
    await running.close();
    return 0;
  } finally {
    await log.close();
    process.off("uncaughtException", onBug);
    process.off("unhandledRejection", onBug);
  }
}
