import type { Sink } from "./output.ts";

/** What a command gets from the process, so that it never reaches for it. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: Sink;
  readonly stdin: NodeJS.ReadStream;
}

/** A command of the program. */
export interface Command {
  /**
   * Runs the command.
   *
   * @returns the exit code
   * @throws Failure telling what is wrong
   */
  run(args: readonly string[], context: Context): Promise<number>;
}
