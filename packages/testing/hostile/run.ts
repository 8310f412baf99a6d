/** Runs the corpus against a listener, many connections at a time, and says which rows were not taken as they should be. */
import type { Seen } from "../src/backend.ts";
import { casesOf, type HostileCase, type Side } from "./case.ts";
import { corpus } from "./corpus.ts";
import { drive } from "./drive.ts";
import type { Target } from "./program.ts";

/** A row that came out in another way than any that is right. */
interface Wrong {
  readonly name: string;
  readonly expected: string;
  readonly got: string;
}

/** What came of a run: the wrong rows of each family, and what reached the backend without being any row's own. */
export interface Findings {
  readonly wrong: ReadonlyMap<string, readonly Wrong[]>;
  readonly strays: readonly string[];
}

const AT_ONCE = 24;
const OWN = /\/(c[0-9a-z]{3})(?![0-9a-z])/;

interface Job {
  readonly id: string;
  readonly title: string;
  readonly one: HostileCase;
  outcome: string;
}

/** Sends every row of the corpus. */
export async function runCorpus(target: Target, side: Side): Promise<Findings> {
  const cases = corpus.flatMap((family) => casesOf(family, side).map((one) => ({ title: family.title, one })));
  const jobs = cases.map(({ title, one }, i): Job => {
    return { id: `c${i.toString(36).padStart(3, "0")}`, title, one, outcome: "" };
  });
  const waiting = [...jobs];
  const work = async (): Promise<void> => {
    for (let job = waiting.pop(); job; job = waiting.pop()) {
      job.outcome = await drive(target.port, job.id, job.one);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return judge(jobs, target.backend.seen);
}

function judge(jobs: readonly Job[], seen: readonly Seen[]): Findings {
  const reached = new Map<string, number>();
  const strays: string[] = [];
  for (const { method, url } of seen) {
    const id = OWN.exec(url)?.[1];
    if (id === undefined) strays.push(`${method} ${url.slice(0, 200)}`);
    else reached.set(id, (reached.get(id) ?? 0) + 1);
  }
  const wrong = new Map<string, Wrong[]>(corpus.map(({ title }) => [title, []]));
  for (const { id, title, one, outcome } of jobs) {
    const count = reached.get(id) ?? 0;
    if (isRight(one.expect, outcome, count)) continue;
    const got = `${outcome}, ${count} reached the backend`;
    wrong.get(title)?.push({ name: one.name, expected: one.expect, got });
  }
  return { wrong, strays };
}

function isRight(expect: string, outcome: string, reached: number): boolean {
  return expect.split("|").some((one) => one.replaceAll("+", "") === outcome && one.split("+").length - 1 === reached);
}
