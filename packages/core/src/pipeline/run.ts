import { isRefusal, type Refusal } from "../refusal.ts";
import type { Back, Stage, Step } from "./stage.ts";

/** Where a run ended: every stage passed, or one refused. `backs` are in reverse order: the way back. */
export type Passage<Known, Head, Outcome> =
  | { readonly passed: Known; readonly backs: readonly Back<Head, Outcome>[] }
  | { readonly refusal: Refusal; readonly at: string; readonly backs: readonly Back<Head, Outcome>[] };

type AnyStage<Head, Outcome> = Stage<never, object, Head, Outcome>;

/** The stages of a journey in travel order. Each one may use what the ones before it established, and nothing else. */
export class Pipeline<Start extends object, Known extends Start, Head, Outcome> {
  readonly #stages: readonly AnyStage<Head, Outcome>[];

  private constructor(stages: readonly AnyStage<Head, Outcome>[]) {
    this.#stages = stages;
  }

  /** An empty journey that begins with the facts of `Start`. */
  static from<Start extends object, Head, Outcome>(): Pipeline<Start, Start, Head, Outcome> {
    return new Pipeline<Start, Start, Head, Outcome>([]);
  }

  /** Adds the next stage. A stage that needs more than is known by now is a compile error. */
  stage<Adds extends object>(next: Stage<Known, Adds, Head, Outcome>): Pipeline<Start, Known & Adds, Head, Outcome> {
    return new Pipeline<Start, Known & Adds, Head, Outcome>([...this.#stages, next]);
  }

  /** The stages' names in travel order. */
  get names(): readonly string[] {
    return this.#stages.map((one) => one.name);
  }

  /**
   * Runs the stages one after the other on `start`, which gathers their facts. Stays synchronous as long as they do.
   * A stage that throws is a bug: the promise is rejected or the error thrown, and `settled` has what was taken so far.
   */
  run(
    start: Start,
    taken: Back<Head, Outcome>[] = [],
  ): Passage<Known, Head, Outcome> | Promise<Passage<Known, Head, Outcome>> {
    return this.#from(0, start, taken);
  }

  #from(
    first: number,
    x: Start,
    backs: Back<Head, Outcome>[],
  ): Passage<Known, Head, Outcome> | Promise<Passage<Known, Head, Outcome>> {
    for (let i = first; i < this.#stages.length; i++) {
      const stage = this.#stages[i] as AnyStage<Head, Outcome>;
      const step = stage.run(x as never);
      if (step instanceof Promise) {
        return step.then((late) => {
          const refused = settleStep<Known, Head, Outcome>(stage.name, late, x, backs);
          return refused ?? this.#from(i + 1, x, backs);
        });
      }
      const refused = settleStep<Known, Head, Outcome>(stage.name, step, x, backs);
      if (refused) return refused;
    }
    return { passed: x as Known, backs };
  }
}

function settleStep<Known, Head, Outcome>(
  name: string,
  step: Step<object, Head, Outcome>,
  x: object,
  backs: Back<Head, Outcome>[],
): Passage<Known, Head, Outcome> | undefined {
  if (isRefusal(step)) return { refusal: step, at: name, backs };
  adopt(x, step.facts);
  if (step.back) backs.unshift(step.back);
  return undefined;
}

/** Object.assign for small plain objects, at a third of its cost. */
function adopt(x: object, facts: object): void {
  const to = x as Record<string, unknown>;
  const from = facts as Readonly<Record<string, unknown>>;
  for (const name in from) to[name] = from[name];
}
