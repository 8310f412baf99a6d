import { spawn, type ChildProcess } from "node:child_process";
import { promises as files } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const smcp = fileURLToPath(new URL("../../../node_modules/.bin/smcp", import.meta.url));

let folder: string;

beforeEach(async () => {
  folder = await files.mkdtemp(join(tmpdir(), "smcp-demo-test-"));
});

afterEach(async () => {
  await files.rm(folder, { recursive: true });
});

interface Run {
  readonly child: ChildProcess;
  text(): string;
  readonly ended: Promise<number | null>;
}

/** Its scratch folder goes into ours, and everything it starts can be told by that path. */
const demo = (...args: string[]): Run => {
  let text = "";
  const child = spawn(smcp, ["demo", "--port", "0", ...args], {
    env: { ...process.env, TMPDIR: folder, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (text += String(chunk)));
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", (code) => resolve(code));
  });
  return { child, text: () => text, ended };
};

/** Processes that were started in the demo's scratch folder and are alive. */
const leftBehind = async (): Promise<string[]> => {
  const found: string[] = [];
  for (const pid of await files.readdir("/proc").catch(() => [])) {
    const cwd = await files.readlink(`/proc/${pid}/cwd`).catch(() => "");
    if (cwd.startsWith(folder)) found.push(pid);
  }
  return found;
};

test(
  "the demo makes its tour through the real pair, exits 0 and leaves nothing behind",
  { timeout: 60_000 },
  async () => {
    const run = demo("--once");
    const code = await run.ended;
    const text = run.text();
    expect.soft(code, text).toBe(0);
    for (const line of [
      /^ok {5}identity provider +http:\/\/127\.0\.0\.1:\d+$/m,
      /^ok {5}MCP server over HTTP +http:\/\/127\.0\.0\.1:\d+\/mcp$/m,
      /^ok {5}smcp server +http:\/\/127\.0\.0\.1:\d+$/m,
      /^ok {5}smcp client +http:\/\/localhost:\d+, signs in as smcp-demo$/m,
      /^ok {5}tools of \/v1\/everything +echo, /m,
      /^ok {7}echo +Echo: hello through smcp$/m,
      /^ok {5}tools of \/v1\/everything-http +echo, /m,
      /^ok {7}get-sum +The sum of 19 and 23 is 42\.$/m,
      /^ok {5}tools of \/v1\/memory +create_entities, /m,
      /^ok {5}tools of \/v1\/files +read_file, /m,
      /^ok {7}read_text_file +Hello from a file that an MCP server read for you, through smcp\.$/m,
    ]) {
      expect.soft(text).toMatch(line);
    }
    expect(await files.readdir(folder)).toEqual([]);
    expect(await leftBehind()).toEqual([]);
  },
);

test("Ctrl-C, twice as under npm, ends it with nothing left behind", { timeout: 60_000 }, async () => {
  const run = demo();
  await expect.poll(() => run.text(), { timeout: 40_000 }).toContain("Ctrl-C stops everything");
  expect(run.text()).toMatch(/ claude mcp add --transport http memory http:\/\/localhost:\d+\/v1\/memory$/m);
  expect((await leftBehind()).length).toBeGreaterThan(2);
  run.child.kill("SIGINT");
  run.child.kill("SIGINT");
  expect(await run.ended).toBe(0);
  expect(await files.readdir(folder)).toEqual([]);
  expect(await leftBehind()).toEqual([]);
});
