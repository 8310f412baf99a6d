import { expect, it } from "vitest";

import { Pipeline } from "../../src/pipeline/run.ts";
import { go, type Stage } from "../../src/pipeline/stage.ts";
import { refuse } from "../../src/refusal.ts";

interface Start {
  readonly path: string;
}
type Two<Needs, Adds extends object> = Stage<Needs, Adds, string[], string>;

const backs: string[] = [];
const route: Two<Start, { route: string }> = {
  name: "route",
  run: ({ path }) =>
    go({ route: path.slice(1) }, { head: (head) => head.push("route"), settle: (o) => backs.push(`route ${o}`) }),
};
const authorise: Two<Start & { route: string }, { allowed: true }> = {
  name: "authorise",
  run: async ({ route: name }) =>
    name === "secret" ? refuse("ROUTE_UNKNOWN") : go({ allowed: true }, { head: (head) => head.push("authorise") }),
};

it("gathers the facts of each stage, and the way back in reverse order", async () => {
  const passage = await Pipeline.from<Start, string[], string>().stage(route).stage(authorise).run({ path: "/a" });
  if (!("passed" in passage)) throw new Error("refused");
  expect(passage.passed).toEqual({ path: "/a", route: "a", allowed: true });
  const head: string[] = [];
  for (const back of passage.backs) back.head?.(head);
  expect(head).toEqual(["authorise", "route"]);
});

it("stops at the stage that refuses, and still hands back what was taken before", async () => {
  const passage = await Pipeline.from<Start, string[], string>().stage(route).stage(authorise).run({ path: "/secret" });
  expect(passage).toMatchObject({ refusal: { refused: "ROUTE_UNKNOWN" }, at: "authorise" });
  expect(passage.backs).toHaveLength(1);
});

it("stays synchronous as long as its stages do", () => {
  const passage = Pipeline.from<Start, string[], string>().stage(route).run({ path: "/a" });
  expect(passage).not.toBeInstanceOf(Promise);
});

it("does not compile in a wrong order", () => {
  const empty = Pipeline.from<Start, string[], string>();
  // @ts-expect-error authorise needs the route, which nobody has found yet
  const wrong = empty.stage(authorise);
  expect(wrong.names).toEqual(["authorise"]);
});
