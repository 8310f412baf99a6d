/** The official suites for servers, against the fixture itself and through client and server, signed in. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, test, type RunnerTestCase } from "vitest";
import { parse } from "yaml";

import { PASSES } from "../conformance/passes.ts";
import { STDIO_LACKS } from "../conformance/stdio-lacks.ts";
import {
  complaintsOf,
  failingOf,
  linesOf,
  passedOf,
  SUITES,
  testServer,
  warningsOf,
  type Found,
} from "../conformance/tool.ts";
import { everythingOverHttp, type HttpFixture } from "../fixtures/over-http.ts";
import { startPair, type Pair } from "../fixtures/pair.ts";
import { everythingOnStdio } from "../fixtures/stdio-command.ts";
import { httpBackend } from "../src/index.ts";

/** Two cores, three suites at once, other tests beside them. */
const LIMIT = 300_000;

type SuiteName = keyof typeof SUITES;

/** The old tool asks as a client of 2025-03-26 for what came with 2025-11-25, and is rightly not given it. */
const WARNINGS: Readonly<Record<SuiteName, readonly string[]>> = {
  "0.1.16": ["server-sse-polling/server-sse-priming-event", "server-sse-polling/server-sse-retry-field"],
  "2025-11-25": [],
  "2026-07-28": [],
};

let fixture: HttpFixture;
let pair: Pair;
let expectedFailures: readonly string[];

beforeAll(async () => {
  fixture = await everythingOverHttp("dual");
  const more = { timeout: 60_000 };
  pair = await startPair([httpBackend("http", fixture.url, more), everythingOnStdio("stdio", "dual", more)]);
  const file = new URL("../conformance/expected-failures.yaml", import.meta.url);
  expectedFailures = (parse(await readFile(fileURLToPath(file), "utf8")) as { readonly server: string[] }).server;
});

afterAll(async () => {
  await pair[Symbol.asyncDispose]();
  await fixture[Symbol.asyncDispose]();
});

describe.each(Object.keys(SUITES) as SuiteName[])("the suite %s", { timeout: LIMIT }, (name) => {
  const places = { direct: () => fixture.url, http: () => `${pair.url}/http`, stdio: () => `${pair.url}/stdio` };
  const runs = new Map<string, Promise<Found>>();
  /** What a run found. The second try of a test has a run of its own: the suites measure time here and there. */
  const find = (place: keyof typeof places, { result }: Readonly<RunnerTestCase>): Promise<Found> => {
    const key = `${place} ${result?.retryCount ?? 0}`;
    const run = runs.get(key) ?? testServer(SUITES[name], places[place]());
    runs.set(key, run);
    return run;
  };

  test("is passed by the fixture itself, but for what the file of expected failures names", async ({ task }) => {
    // All three at once: most of the time they wait.
    await Promise.allSettled([find("direct", task), find("http", task), find("stdio", task)]);
    const direct = await find("direct", task);
    expect(passedOf(direct)).toBe(PASSES[name].http);
    expect(failingOf(direct), complaintsOf(direct)).toEqual(name === "2026-07-28" ? expectedFailures : []);
    expect(warningsOf(direct)).toEqual(WARNINGS[name]);
  });

  test("finds the same through client and server as without them", async ({ task }) => {
    const [direct, http] = await Promise.all([find("direct", task), find("http", task)]);
    expect(linesOf(http), complaintsOf(http)).toEqual(linesOf(direct));
  });

  test("finds the same of a child on stdio, but for what stdio cannot offer", async ({ task }) => {
    const [direct, stdio] = await Promise.all([find("direct", task), find("stdio", task)]);
    const [here, there] = [linesOf(direct), linesOf(stdio)];
    const differing = [...here.filter((one) => !there.includes(one)), ...there.filter((one) => !here.includes(one))];
    const checks = differing.map((one) => one.split("/", 2).join("/"));
    expect([...new Set(checks)].toSorted(), complaintsOf(stdio)).toEqual(Object.keys(STDIO_LACKS[name]));
    expect(passedOf(stdio)).toBe(PASSES[name].stdio);
  });
});

test("nothing is expected to fail but the unscored extension", () => {
  expect(expectedFailures.filter((one) => !one.startsWith("tasks-"))).toEqual([]);
});
