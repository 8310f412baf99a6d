import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "vitest";
import { parse } from "yaml";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly "timeout-minutes"?: number;
  readonly "runs-on"?: string;
  readonly needs?: string | readonly string[];
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: unknown;
  readonly concurrency?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const github = fileURLToPath(new URL("../../../.github/", import.meta.url));
const files = readdirSync(`${github}workflows`);
const textOf = (file: string): string => readFileSync(`${github}workflows/${file}`, "utf8");
const read = (file: string): Workflow => parse(textOf(file)) as Workflow;

describe.each(files)("the workflow %s", (file) => {
  const workflow = read(file);
  const jobs = Object.entries(workflow.jobs);

  it("takes every action by its commit, and says which version that is", () => {
    const lines = textOf(file).split("\n");
    const uses = lines.filter((one) => /^\s*(- )?uses:/.test(one));
    expect(uses.filter((one) => !/uses: [\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(one))).toEqual([]);
    expect(uses).toHaveLength(jobs.flatMap(([, { steps }]) => steps.filter((one) => one.uses)).length);
  });

  it("has no right of its own; each job names those that it needs", () => {
    expect(workflow.permissions).toEqual({});
    expect(jobs.filter(([, { permissions }]) => permissions === undefined)).toEqual([]);
  });

  it("writes where it publishes only", () => {
    const writers = jobs.filter(([, { permissions = {} }]) => Object.values(permissions).includes("write"));
    const expected = file === "release.yml" ? ["npm", "image", "executables", "release"] : [];
    expect(writers.map(([name]) => name)).toEqual(expected);
  });

  it("ends in time, and once per branch", () => {
    expect(workflow.concurrency).toBeDefined();
    for (const [, job] of jobs) expect(job["timeout-minutes"]).toBeLessThanOrEqual(30);
  });

  it("leaves no credential in the checkout", () => {
    const checkouts = jobs.flatMap(([, { steps }]) => steps.filter((one) => one.uses?.startsWith("actions/checkout@")));
    expect(checkouts.filter((one) => one.with?.["persist-credentials"] !== false)).toEqual([]);
  });

  it("puts nothing that others write into a command, and runs no stranger's code with rights", () => {
    const commands = jobs.flatMap(([, { steps }]) => steps.flatMap((one) => one.run ?? []));
    expect(commands.filter((one) => one.includes("${{"))).toEqual([]);
    expect(Object.keys(workflow.on).filter((one) => /^(pull_request_target|workflow_run|issue)/.test(one))).toEqual([]);
  });

  it("waits for jobs that there are", () => {
    for (const [, { needs = [] }] of jobs) for (const one of [needs].flat()) expect(workflow.jobs).toHaveProperty(one);
  });
});

describe("the continuous integration", () => {
  it("checks, tests on both versions of Node.js, packs and builds the image", () => {
    const { jobs } = read("ci.yml");
    expect(Object.keys(jobs)).toEqual(["check", "test", "package", "image"]);
    expect(jobs["test"]).toMatchObject({ strategy: { matrix: { node: [24, 26] } } });
  });
});

describe("the forms for issues and updates", () => {
  it.each(["bug.yml", "idea.yml"])("%s ask in fields that have an id and a label", (name) => {
    const form = parse(readFileSync(`${github}ISSUE_TEMPLATE/${name}`, "utf8")) as {
      readonly body: readonly { id?: string; attributes: { label?: string } }[];
    };
    expect(form).toMatchObject({ name: expect.any(String) as string, description: expect.any(String) as string });
    for (const { id, attributes } of form.body) {
      expect(id).toMatch(/^[a-z]+$/);
      expect(attributes.label).not.toBe("");
    }
  });

  it("have dependabot look after packages, actions and images", () => {
    const { updates } = parse(readFileSync(`${github}dependabot.yml`, "utf8")) as {
      readonly updates: readonly { "package-ecosystem": string }[];
    };
    expect(updates.map((one) => one["package-ecosystem"])).toEqual([
      "npm",
      "github-actions",
      "docker",
      "docker-compose",
    ]);
  });
});
