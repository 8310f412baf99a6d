/** The official suites for servers, against the fixture itself and through client and server, signed in. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, test } from "vitest";
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

describe.each(Object.keys(SUITES) as SuiteName[])("the suite %s", (name) => {
  let direct: Found;
  let http: Found;
  let stdio: Found;

  beforeAll(async () => {
    const suite = SUITES[name];
    [direct, http, stdio] = await Promise.all([
      testServer(suite, fixture.url),
      testServer(suite, `${pair.url}/http`),
      testServer(suite, `${pair.url}/stdio`),
    ]);
  }, LIMIT);

  test("is passed by the fixture itself, but for what the file of expected failures names", () => {
    expect(passedOf(direct)).toBe(PASSES[name].http);
    expect(failingOf(direct), complaintsOf(direct)).toEqual(name === "2026-07-28" ? expectedFailures : []);
    expect(warningsOf(direct)).toEqual(WARNINGS[name]);
  });

  test("finds the same through client and server as without them", () => {
    expect(linesOf(http), complaintsOf(http)).toEqual(linesOf(direct));
  });

  test("finds the same of a child on stdio, but for what stdio cannot offer", () => {
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
