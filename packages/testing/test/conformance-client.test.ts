/** The official suites for clients: a real SDK client by itself, and the same client through `smcp client`. */
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import { complaintsOf, failingOf, linesOf, SUITES, testClient, type Found } from "../conformance/tool.ts";

const LIMIT = 300_000;

/** Scenarios of sign-in are the client's own (they have tests of their own): the app does not even start for them. */
const SKIP = 'test "${MCP_CONFORMANCE_SCENARIO#auth/}" != "$MCP_CONFORMANCE_SCENARIO" ||';
const APP = fileURLToPath(new URL("../conformance/app.ts", import.meta.url));
const ENV = { SMCP_NODE: process.execPath, SMCP_APP: APP };
const command = (flag: string): string => `${SKIP} exec "$SMCP_NODE" -C @smcp/source "$SMCP_APP" ${flag}`;

const relevant = ({ checks }: Found): Found => ({
  checks: checks.filter(({ scenario }) => !scenario.startsWith("auth/")),
});

/** Scenarios that must be among those that ran. */
const SCENARIOS: Readonly<Record<keyof typeof SUITES, readonly string[]>> = {
  "0.1.16": ["elicitation-sep1034-client-defaults", "initialize", "sse-retry", "tools_call"],
  "2025-11-25": [
    "elicitation-sep1034-client-defaults",
    "initialize",
    "json-schema-2020-12-preservation",
    "sse-retry",
    "tools_call",
  ],
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

describe.each(Object.keys(SUITES) as (keyof typeof SUITES)[])("the suite %s", (name) => {
  test(
    "finds the same of an app through the client as of the app by itself, and nothing fails",
    async () => {
      const suite = SUITES[name];
      const [direct, through] = (
        await Promise.all([testClient(suite, command(""), ENV), testClient(suite, command("--through-smcp"), ENV)])
      ).map(relevant) as [Found, Found];
      expect([...new Set(direct.checks.map(({ scenario }) => scenario))].toSorted()).toEqual(SCENARIOS[name]);
      expect(failingOf(direct), complaintsOf(direct)).toEqual([]);
      expect(linesOf(through), complaintsOf(through)).toEqual(linesOf(direct));
    },
    LIMIT,
  );
});
