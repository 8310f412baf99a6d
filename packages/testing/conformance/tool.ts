/** Runs the official conformance tool, in either of its versions, and reads what it found check by check. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { text } from "node:stream/consumers";

/** Which of its sets of scenarios is run. */
export interface Suite {
  readonly name: string;
  /** The dependency that is this version of the tool. */
  readonly tool: "@modelcontextprotocol/conformance" | "conformance-next";
  readonly args: readonly string[];
}

export const SUITES = {
  "0.1.16": { name: "0.1.16, all", tool: "@modelcontextprotocol/conformance", args: ["--suite", "all"] },
  "2025-11-25": {
    name: "0.2.0-alpha.12, 2025-11-25",
    tool: "conformance-next",
    args: ["--requirements", "2025-11-25"],
  },
  "2026-07-28": {
    name: "0.2.0-alpha.12, 2026-07-28",
    tool: "conformance-next",
    args: ["--requirements", "2026-07-28"],
  },
} as const satisfies Record<string, Suite>;

/** What became of one check. What a scenario only mentions (INFO) is left out. */
interface Check {
  readonly scenario: string;
  readonly id: string;
  /** Tells checks of one id apart. */
  readonly name: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED";
  readonly why: string;
}

/** Everything that a run found, in an order of its own. */
export interface Found {
  readonly checks: readonly Check[];
}

/** What the tool says of the checks that did not pass: for the person who reads a failed test. */
export function complaintsOf({ checks }: Found): string {
  const bad = checks.filter(({ status }) => status !== "SUCCESS");
  return bad.map(({ scenario, id, status, why }) => `${status} ${scenario}/${id}: ${why}`).join("\n");
}

/** `scenario/id/name: STATUS` of every check, sorted: two runs are alike if these are. */
export function linesOf({ checks }: Found): string[] {
  return checks.map(({ scenario, id, name, status }) => `${scenario}/${id}/${name}: ${status}`).toSorted();
}

/** How many checks passed. */
export function passedOf({ checks }: Found): number {
  return checks.filter(({ status }) => status === "SUCCESS").length;
}

/** Scenarios in which a check failed. */
export function failingOf({ checks }: Found): string[] {
  const failing = checks.filter(({ status }) => status === "FAILURE");
  return [...new Set(failing.map(({ scenario }) => scenario))].toSorted();
}

/** What should be otherwise but need not: `scenario/id`. */
export function warningsOf({ checks }: Found): string[] {
  return checks.flatMap(({ scenario, id, status }) => (status === "WARNING" ? [`${scenario}/${id}`] : [])).toSorted();
}

/** How long a scenario may take, on a machine that is busy with other tests. */
const PATIENCE = ["--timeout", "120000"];

/** Runs the scenarios for servers against the one at `url`. */
export function testServer(suite: Suite, url: string): Promise<Found> {
  // The old version knows no limit here, nor an option for one.
  const patience = suite.tool === "conformance-next" ? PATIENCE : [];
  return run(suite, ["server", "--url", url, ...patience], "server-");
}

/**
 * Runs the scenarios for clients.
 *
 * @param command a line for the shell; the URL of the tool's own server is put behind it
 */
export function testClient(suite: Suite, command: string, env: Readonly<Record<string, string>>): Promise<Found> {
  return run(suite, ["client", "--command", command, ...PATIENCE], "", env);
}

async function run(
  suite: Suite,
  args: readonly string[],
  prefix: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Found> {
  const folder = await mkdtemp(join(tmpdir(), "smcp-conformance-"));
  try {
    const child = spawn(process.execPath, [mainOf(suite.tool), ...args, ...suite.args, "-o", folder], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const checks = await readChecks(folder, prefix);
    if (checks.length === 0) throw new Error(`the conformance tool found nothing:\n${stdout}\n${stderr}`);
    return { checks };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Both versions own the same program name: each is started by its file. */
function mainOf(tool: Suite["tool"]): string {
  return createRequire(import.meta.url).resolve(`${tool}/dist/index.js`);
}

interface Written {
  readonly id: string;
  readonly name: string;
  readonly status: Check["status"] | "INFO";
  readonly errorMessage?: string;
}

const TIME = /-\d{4}-\d{2}-\d{2}T[\d-]+Z$/;

/** One folder for each scenario, named after it and the time; a scenario with a slash in its name is a folder in a folder. */
async function readChecks(folder: string, prefix: string): Promise<Check[]> {
  const checks: Check[] = [];
  for (const file of await readdir(folder, { recursive: true })) {
    if (basename(file) !== "checks.json") continue;
    const scenario = dirname(file).slice(prefix.length).replace(TIME, "");
    const found = JSON.parse(await readFile(join(folder, file), "utf8")) as readonly Written[];
    const words = await lastWords(join(folder, dirname(file)));
    for (const { id, name, status, errorMessage = "" } of found) {
      if (status !== "INFO") checks.push({ scenario, id, name, status, why: `${errorMessage}${words}` });
    }
  }
  return checks;
}

/** What the app under test wrote: most often why it ended before it had done everything. */
async function lastWords(folder: string): Promise<string> {
  const words = await readFile(join(folder, "stderr.txt"), "utf8").catch(() => "");
  return words.trim() === "" ? "" : `\n  the app: ${words.trim().slice(-1_000)}`;
}
