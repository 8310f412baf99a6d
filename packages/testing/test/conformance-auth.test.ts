/** The official scenarios of sign-in for clients: the SDK's own client, and the same app through `smcp client`. */
import { beforeAll, describe, expect, test } from "vitest";

import { openDesk } from "../conformance/auth-desk.ts";
import { runDirectly } from "../conformance/auth-direct.ts";
import { EXCEPTIONS, SDK_LACKS, SOONER } from "../conformance/auth-exceptions.ts";
import type { Scenario } from "../conformance/auth-scenario.ts";
import { runThroughSmcp, startHere } from "../conformance/auth-through.ts";
import { complaintsOf, failingOf, SUITES, testClient, type Found } from "../conformance/tool.ts";

const LIMIT = 300_000;

type SuiteName = keyof typeof SUITES;

/** How many scenarios there are: with fewer it would be no measure of anything. */
const SCENARIOS: Readonly<Record<SuiteName, number>> = { "0.1.16": 22, "2025-11-25": 20, "2026-07-28": 31 };

async function find(name: SuiteName, run: (scenario: Scenario) => Promise<void>): Promise<Found> {
  await using desk = await openDesk(run);
  const { checks } = await testClient(SUITES[name], desk.command, desk.env);
  return { checks: checks.filter(({ scenario }) => scenario.startsWith("auth/")) };
}

const scenariosOf = ({ checks }: Found): string[] => [...new Set(checks.map(({ scenario }) => scenario))].toSorted();

/** Checks with this outcome in scenarios without an exception. A client that asks twice is checked twice. */
function checksOf({ checks }: Found, isOutcome: (status: string) => boolean): string[] {
  const found = checks.filter(({ scenario, status }) => isOutcome(status) && !Object.hasOwn(EXCEPTIONS, scenario));
  return [...new Set(found.map(({ scenario, id, name }) => `${scenario}/${id}/${name}`))].toSorted();
}

const isGood = (status: string): boolean => status === "SUCCESS";
const isBad = (status: string): boolean => status !== "SUCCESS";

describe.each(Object.keys(SUITES) as SuiteName[])("the suite %s", (name) => {
  let direct: Found;
  let through: Found;
  let ran: readonly string[];

  beforeAll(async () => {
    // The newest has all scenarios but those of March 2025: it is gone through with the program itself.
    const smcp = name === "2026-07-28" ? runThroughSmcp : (one: Scenario) => runThroughSmcp(one, startHere);
    [direct, through] = await Promise.all([find(name, runDirectly), find(name, smcp)]);
    ran = scenariosOf(direct);
  }, LIMIT);

  const present = (table: Readonly<Record<string, string>>): string[] =>
    Object.keys(table).filter((one) => ran.some((scenario) => one === scenario || one.startsWith(`${scenario}/`)));

  test("is gone through whole by both, and the SDK's client fails where it is known to", () => {
    expect(ran).toHaveLength(SCENARIOS[name]);
    expect(scenariosOf(through)).toEqual(ran);
    expect(failingOf(direct), complaintsOf(direct)).toEqual(present(SDK_LACKS).toSorted());
  });

  test("is passed through smcp client check by check as by the SDK's client, but for the exceptions", () => {
    const kept = checksOf(through, isGood);
    const lost = checksOf(direct, isGood).filter((one) => !kept.includes(one));
    const ids = lost.map((one) => one.split("/", 3).join("/"));
    expect(ids, complaintsOf(through)).toEqual(present(SOONER));
    expect(checksOf(through, isBad), complaintsOf(through)).toEqual(checksOf(direct, isBad));
  });

  test("has no exception that is none any more", () => {
    const failing = failingOf(through).filter((one) => Object.hasOwn(EXCEPTIONS, one));
    expect(failing, complaintsOf(through)).toEqual(present(EXCEPTIONS).toSorted());
  });
});
