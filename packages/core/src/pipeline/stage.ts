import type { Refusal } from "../refusal.ts";

/** What a stage leaves behind for the way back. */
export interface Back<Head, Outcome> {
  /** Sees the reply's status and headers, in reverse order of the stages, before they go to the caller. */
  head?(head: Head): void;
  /** Called exactly once, whatever became of the exchange: releases what the stage took. */
  settle?(outcome: Outcome): void;
}

/** A stage's answer: go on with these facts. */
export interface Go<Adds, Head, Outcome> {
  readonly facts: Adds;
  readonly back?: Back<Head, Outcome>;
}

export type Step<Adds, Head, Outcome> = Go<Adds, Head, Outcome> | Refusal;

/**
 * One concern of a request's journey. `run` is a property, not a method, so that TypeScript checks its parameter
 * strictly: a stage that needs a fact nobody has established yet does not compile into the list.
 */
export interface Stage<Needs, Adds, Head, Outcome> {
  readonly name: string;
  readonly run: (x: Needs) => Step<Adds, Head, Outcome> | Promise<Step<Adds, Head, Outcome>>;
}

/** A stage's answer that lets the exchange go on. */
export function go<Adds, Head, Outcome>(facts: Adds, back?: Back<Head, Outcome>): Go<Adds, Head, Outcome> {
  return back ? { facts, back } : { facts };
}
