import { expect, test } from "vitest";
import { showSteps } from "../src/steps.ts";
import { paper } from "./paper.ts";

const running = new AbortController().signal;

test("without a terminal a step is one plain line", async () => {
  const output = paper();
  const steps = showSteps(output, {}, running);
  expect(await steps.run("first", async () => ["at once", 7])).toBe(7);
  steps.say("said");
  expect(output.text()).toBe("ok     first                        at once\nsaid\n");
});

test("a step that fails says so, and its error goes on", async () => {
  const output = paper();
  const steps = showSteps(output, {}, running);
  await expect(steps.run("first", async () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(output.text()).toBe("failed first\n");
});

test("a step that was stopped has not failed", async () => {
  const output = paper();
  const steps = showSteps(output, {}, AbortSignal.abort());
  await expect(steps.run("first", async () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(output.text()).toBe("ended  first\n");
});

test("on a terminal the step turns, then is replaced by its result", async () => {
  const output = paper(true);
  await showSteps(output, {}, running).run("first", async () => ["", 1]);
  expect(output.text()).toBe("\r\u001B[2K\u001B[36m⠋\u001B[39m first\r\u001B[2K\u001B[32m✓\u001B[39m first\n");
});

test.each([
  ["NO_COLOR keeps the spinner and drops the colours", { NO_COLOR: "1" }, "\r\u001B[2K⠋ first\r\u001B[2K✓ first\n"],
  ["an empty NO_COLOR is none", { NO_COLOR: "" }, "\u001B[32m"],
  ["a dumb terminal gets plain lines", { TERM: "dumb" }, "ok     first\n"],
])("%s", async (_, env, expected) => {
  const output = paper(true);
  await showSteps(output, env, running).run("first", async () => ["", 1]);
  expect(output.text()).toContain(expected);
});
