/**
 * What is wrong with a configuration, told so that a person can mend it: where, what was found, what was expected and
 * what was probably meant. All problems of a file are told at once.
 */
import { Failure } from "@smcp/core";

/** The way to a value: keys of maps and places in lists. */
export type Path = readonly (string | number)[];

/** One thing to mend. */
export interface Problem {
  readonly path: Path;
  /** From 1; 0 where no line can be named (an empty file). */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** What stands there; a kind of value instead of the value where it may be secret. */
  readonly found: string;
  readonly expected: string;
  /** The known name nearest to an unknown one. */
  readonly nearest?: string;
  /** The variable that the value came from, where it did not come from the file. */
  readonly variable?: string;
}

const MAX_PRINTED = 100;

/** A configuration that cannot be used: exit code 2, with every problem found. */
export class ConfigInvalid extends Failure {
  /** The file's name as it was given or found. */
  readonly file: string;
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[], hint = "mend it, then look at it with: smcp server --check") {
    const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
    const count = sorted.length === 1 ? "one problem" : `${sorted.length} problems`;
    const lines = sorted.slice(0, MAX_PRINTED).map((one) => `\n  ${formatProblem(file, one)}`);
    if (sorted.length > MAX_PRINTED) lines.push(`\n  and ${sorted.length - MAX_PRINTED} more`);
    super(`"${file}" has ${count}${lines.join("")}`, hint, 2);
    this.file = file;
    this.problems = sorted;
  }
}

/** One line for a person: `smcp.yaml:3: server.prot: expected a known key, found "prot" (did you mean "port"?)`. */
export function formatProblem(file: string, problem: Problem): string {
  const key = problem.path.length === 0 ? "" : ` ${formatPath(problem.path)}:`;
  const nearest = problem.nearest === undefined ? "" : ` (did you mean "${problem.nearest}"?)`;
  const where = problem.variable ?? `${file}:${problem.line}`;
  return `${where}:${key} expected ${problem.expected}, found ${problem.found}${nearest}`;
}

const PLAIN_KEY = /^[\w-]+$/;

/** A path as a person writes it: `mcp.backends[0].id`. */
export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (!PLAIN_KEY.test(part)) text += `[${quote(part)}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text;
}

/** Text in quotes on one line, cut where it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}
