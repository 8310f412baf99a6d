/** The official suites for clients: a real SDK client by itself, and the same client through `smcp client`. */
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import { complaintsOf, failingOf, linesOf, SUITES, testClient, type Found, type Suite } from "../conformance/tool.ts";

const LIMIT = 300_000;

/** It measures how soon an app comes back, which other apps on the same cores must not disturb: it runs alone, below. */
const TIMED = "sse-retry";
const isHere = (scenario: string): boolean => !scenario.startsWith("auth/") && scenario !== TIMED;

/** Scenarios of sign-in are the client's own (they have tests of their own): the app does not even start for them. */
const SKIP =
  'test "${MCP_CONFORMANCE_SCENARIO#auth/}" != "$MCP_CONFORMANCE_SCENARIO" || ' +
  'test "$MCP_CONFORMANCE_SCENARIO" = "$SMCP_SKIP" ||';
const APP = fileURLToPath(new URL("../conformance/app.ts", import.meta.url));
const ENV = { SMCP_NODE: process.execPath, SMCP_APP: APP };
const command = (flag: string): string => `${SKIP} exec "$SMCP_NODE" -C @smcp/source "$SMCP_APP" ${flag}`;

/** What is found of the app by itself and through the client. */
async function findBoth(suite: Suite, env: Readonly<Record<string, string>>): Promise<readonly [Found, Found]> {
  return [await testClient(suite, command(""), env), await testClient(suite, command("--through-smcp"), env)];
}

/** Scenarios that must be among those that ran. */
const SCENARIOS: Readonly<Record<keyof typeof SUITES, readonly string[]>> = {
  "0.1.16": ["elicitation-sep1034-client-defaults", "initialize", "tools_call"],
  "2025-11-25": ["elicitation-sep1034-client-defaults", "initialize", "json-schema-2020-12-preservation", "tools_call"],
  "2026-07-28": [
    "http-custom-headers",
    "http-invalid-tool-headers",
    "http-standard-headers",
    "json-schema-2020-12-preservation",
    "json-schema-ref-no-deref",
    "request-metadata",
    "sep-2322-client-request-state",
    "tools_call",
  ],
};

describe.each(Object.keys(SUITES) as (keyof typeof SUITES)[])("the suite %s", { timeout: LIMIT }, (name) => {
  test("finds the same of an app through the client as of the app by itself, and nothing fails", async () => {
    const found = await findBoth(SUITES[name], { ...ENV, SMCP_SKIP: TIMED });
    const [direct, through] = found.map(({ checks }) => ({ checks: checks.filter((one) => isHere(one.scenario)) }));
    if (!direct || !through) throw new TypeError("nothing was found");
    expect([...new Set(direct.checks.map(({ scenario }) => scenario))].toSorted()).toEqual(SCENARIOS[name]);
    expect(failingOf(direct), complaintsOf(direct)).toEqual([]);
    expect(linesOf(through), complaintsOf(through)).toEqual(linesOf(direct));
  });
});

test.each(["0.1.16", "2025-11-25"] as const)(
  "an app whose stream was cut off comes back through the client when it was told to (%s)",
  // 500 ms are measured: on a busy machine one of several tries must do.
  { timeout: LIMIT, retry: 3 },
  async (name) => {
    const args = ["--scenario", TIMED];
    const [direct, through] = await findBoth({ ...SUITES[name], args }, ENV);
    expect(failingOf(direct), complaintsOf(direct)).toEqual([]);
    expect(linesOf(through), complaintsOf(through)).toEqual(linesOf(direct));
  },
);
