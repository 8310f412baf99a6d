/** The corpus of hostile requests, through the real programs, under each Node that they support. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { request } from "undici";

import type { Side } from "../hostile/case.ts";
import { corpus } from "../hostile/corpus.ts";
import { drive } from "../hostile/drive.ts";
import { smuggling } from "../hostile/families/framing.ts";
import { runtimes, startTarget, type Runtime, type Target } from "../hostile/program.ts";
import { runCorpus, type Findings } from "../hostile/run.ts";

it("holds more than 300 requests, each of another name", () => {
  const names = corpus.flatMap(({ title, rows }) => rows.map(([name]) => `${title}: ${name}`));
  expect(names.length).toBeGreaterThan(300);
  expect(names.filter((one, i) => names.indexOf(one) !== i)).toEqual([]);
});

const LENIENT = "--insecure-http-parser";

it.runIf(runtimes[0]?.isHere)(`H7: ${LENIENT} on Node's command line makes nothing lenient`, async () => {
  const [runtime] = runtimes as [Runtime];
  await using target = await startTarget("server", runtime, [LENIENT]);
  for (const [name, send, expected] of smuggling.rows) {
    if (typeof send !== "string" || expected !== "400") continue;
    const one = { name, send: [send], expect: expected, ends: "stay" as const, isHead: false };
    expect([name, await drive(target.port, "c000", one)]).toEqual([name, "400"]);
  }
  expect(target.backend.seen).toEqual([]);
});

const SIDES = ["server", "client"] as const;

interface Ran {
  readonly target: Target;
  readonly findings: Findings;
}

async function run(side: Side, runtime: Runtime): Promise<Ran> {
  const target = await startTarget(side, runtime);
  return { target, findings: await runCorpus(target, side) };
}

describe.each(runtimes)("under Node $major", (runtime) => {
  const ran = new Map<Side, Ran>();
  beforeAll(async () => {
    // Both at once: a good part of the time is waiting for time-outs.
    if (runtime.isHere) await Promise.all(SIDES.map(async (side) => ran.set(side, await run(side, runtime))));
  }, 180_000);
  afterAll(async () => {
    for (const { target } of ran.values()) await target[Symbol.asyncDispose]();
  });

  describe.runIf(runtime.isHere).each(SIDES)("smcp %s", (side) => {
    it.each(corpus)("$title", ({ title }) => {
      expect(ran.get(side)?.findings.wrong.get(title)).toEqual([]);
    });

    it("lets nothing through that is no row's own", () => {
      expect(ran.get(side)?.findings.strays).toEqual([]);
    });

    it("is alive and says nothing of a bug", async () => {
      const { target } = ran.get(side) as Ran;
      const answer = await request(`http://127.0.0.1:${target.port}/health`);
      expect([answer.statusCode, await answer.body.text()]).toEqual([200, "OK"]);
      expect(target.program.child.exitCode).toBeNull();
      expect(target.program.stderr).not.toMatch(/bug in smcp|internal error|Error:/);
    });
  });
});
