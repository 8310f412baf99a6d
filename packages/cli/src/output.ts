/** How a command tells what went wrong: one sentence that names the thing, then what to do next. */
import { styleText } from "node:util";
import { describeError, Failure } from "@smcp/core";

/** Somewhere to write, perhaps a terminal. */
export interface Sink {
  readonly isTTY?: boolean | undefined;
  /** How wide a terminal is. */
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Whether colours are welcome there: on a terminal that was not told otherwise. */
export function wantsColour(sink: Sink, env: Readonly<Record<string, string | undefined>>): boolean {
  return sink.isTTY === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}

/** Writes an error, and tells the exit code that goes with it. Properties and stacks of errors are never written. */
export function reportError(error: unknown, sink: Sink, env: Readonly<Record<string, string | undefined>>): number {
  const isColoured = wantsColour(sink, env);
  const name = isColoured ? styleText(["red", "bold"], "smcp:", { validateStream: false }) : "smcp:";
  const hint = isColoured ? styleText("bold", "hint:", { validateStream: false }) : "hint:";
  if (error instanceof Failure) {
    sink.write(`${name} ${error.message}\n${hint} ${error.hint}\n`);
    return error.exitCode;
  }
  sink.write(`${name} internal error: ${describeError(error)}\n${hint} this is a bug in smcp: please report it\n`);
  return 1;
}
