/** One parser under test: what it is fed, and what must hold of whatever it makes of it. */
import { readFileSync } from "node:fs";

import * as fc from "fast-check";

/** A parser of ours beside a second, slower reader of the same thing. */
export interface Fuzzed {
  readonly name: string;
  /** Checks one input of the corpus; rejects where the two readers differ. */
  replay(input: unknown): Promise<void>;
  /**
   * Makes inputs up until the time is over or one fails.
   *
   * @returns what failed, made as small as it gets, or `undefined`
   */
  search(ms: number, seed: number | undefined): Promise<Found | undefined>;
}

/** An input that fails. */
interface Found {
  readonly input: unknown;
  /** What differs. */
  readonly why: string;
  /** The same, and the seed that leads there again. */
  readonly report: string;
  readonly runs: number;
}

/**
 * @param input makes inputs that JSON can hold
 * @param check throws where the parser does what it must not
 */
export function fuzzed<T>(name: string, input: fc.Arbitrary<T>, check: (input: T) => void | Promise<void>): Fuzzed {
  return {
    name,
    async replay(one) {
      await check(one as T);
    },
    async search(ms, seed) {
      const details = await fc.check(
        fc.asyncProperty(input, async (one) => check(one)),
        {
          numRuns: 1_000_000_000,
          interruptAfterTimeLimit: ms,
          markInterruptAsFailure: false,
          ...(seed !== undefined && { seed }),
        },
      );
      if (!details.failed || details.counterexample === null) return undefined;
      const { counterexample, errorInstance, numRuns } = details;
      const why = String(errorInstance);
      return { input: counterexample[0], why, report: `${why}\n${fc.defaultReportMessage(details)}`, runs: numRuns };
    },
  };
}

/** One kept input. */
export interface Kept {
  /** Why it is kept: what it once broke, or what kind it stands for. */
  readonly why: string;
  readonly input: unknown;
}

/** The file of a parser's kept inputs: one JSON value a line. */
export function corpusFile(name: string): URL {
  return new URL(`corpus/${name}.jsonl`, import.meta.url);
}

export function readCorpus(name: string): Kept[] {
  const lines = readFileSync(corpusFile(name), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Kept);
}

/** Throws unless two values are alike, and says how they differ. */
export function same(ours: unknown, theirs: unknown, what: string): void {
  const [one, other] = [show(ours), show(theirs)];
  if (one !== other) throw new Error(`${what}: ours ${one}, the model's ${other}`);
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? "undefined";
}
