/** Shows work as it happens: a spinner on a terminal, plain lines anywhere else. Knows nothing of what is done. */
import { styleText } from "node:util";
import type { Duration } from "@smcp/core";

/** Where the demo writes: standard output, or something like it. */
export interface Output {
  write(text: string): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  readonly isTTY?: boolean | undefined;
}

/** Steps that are shown. */
export interface Steps {
  /**
   * Shows `title` while the work is done, then how it went. What the work throws goes on.
   *
   * @param work answers with what to show behind the title, and the step's result
   */
  run<T>(title: string, work: () => Promise<readonly [detail: string, result: T]>): Promise<T>;
  /** Writes a line as it is. */
  say(line: string): void;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME: Duration = 80;
const START_OF_LINE = "\r\u001B[2K";
const TITLE_WIDTH = 28;

/**
 * Steps on an output.
 *
 * @param env asked for `NO_COLOR` and `TERM`
 * @param signal once aborted, a step that throws has not failed but was stopped
 */
export function showSteps(
  output: Output,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Steps {
  const isTerminal = output.isTTY === true && env["TERM"] !== "dumb";
  const isColoured = isTerminal && !env["NO_COLOR"];
  const paint = (colour: "green" | "red" | "cyan" | "dim", text: string): string =>
    isColoured ? styleText(colour, text, { validateStream: false }) : text;
  const done = isTerminal ? paint("green", "✓") : "ok    ";
  const failed = isTerminal ? paint("red", "✗") : "failed";

  const stopped = isTerminal ? "-" : "ended ";

  const spin = (title: string): (() => void) => {
    if (!isTerminal) return () => undefined;
    let frame = 0;
    const draw = (): void => {
      output.write(`${START_OF_LINE}${paint("cyan", FRAMES[frame % FRAMES.length] ?? "")} ${title}`);
      frame += 1;
    };
    draw();
    const timer = setInterval(draw, FRAME);
    return () => {
      clearInterval(timer);
      output.write(START_OF_LINE);
    };
  };

  return {
    run: async (title, work) => {
      const stop = spin(title);
      try {
        const [detail, result] = await work();
        stop();
        const line = detail ? `${title.padEnd(TITLE_WIDTH)} ${paint("dim", detail)}` : title;
        output.write(`${done} ${line}\n`);
        return result;
      } catch (error) {
        stop();
        output.write(`${signal.aborted ? stopped : failed} ${title}\n`);
        throw error;
      }
    },
    say: (line) => void output.write(`${line}\n`),
  };
}
