import { promises as files } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { safeEnvironment } from "../src/process-environment.ts";
import { startChild, stopAll, type ChildOptions } from "../src/process.ts";

const env = safeEnvironment(process.env);
const script = (source: string, more: Partial<ChildOptions> = {}): ChildOptions => ({
  command: process.execPath,
  args: ["-e", source],
  env,
  ...more,
});

/** Resolves with the first chunk as text: the child says where it is. */
const firstText = async (stream: NodeJS.ReadableStream): Promise<string> => {
  for await (const chunk of stream) return String(chunk);
  return "";
};

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const gone = async (pid: number): Promise<void> => {
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
};

afterEach(stopAll);

test("a child echoes, ends with its stdin and says how", async () => {
  const child = await startChild(script(`process.stdin.pipe(process.stdout)`));
  child.stdin.write("hello\n");
  const text = firstText(child.stdout);
  expect(await text).toBe("hello\n");
  await child.stop();
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(isAlive(child.pid)).toBe(false);
});

test("a child that ends by itself tells its code, and writing to it afterwards throws nothing", async () => {
  const child = await startChild(script(`process.exit(7)`));
  expect(await child.exited).toEqual({ code: 7, signal: null });
  child.stdin.write("x".repeat(1 << 20));
  await child.stop();
});

test("a child that ignores both the end of stdin and TERM is killed", async () => {
  const child = await startChild(
    script(`process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("ready")`, { grace: 100 }),
  );
  await firstText(child.stdout);
  await child.stop();
  expect(await child.exited).toEqual({ code: null, signal: "SIGKILL" });
});

test("a child that only heeds TERM ends by it", async () => {
  const child = await startChild(
    script(`process.on("SIGTERM", () => process.exit(3)); setInterval(() => {}, 1000); console.log("ready")`, {
      stdinGrace: 0,
    }),
  );
  await firstText(child.stdout);
  await child.stop();
  expect(await child.exited).toEqual({ code: 3, signal: null });
});

const WITH_GRANDCHILD = `
  const { spawn } = require("node:child_process");
  const inner = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log(process.pid)';
  spawn(process.execPath, ["-e", inner], { stdio: ["ignore", "inherit", "ignore"] });
`;

test("L17: grandchildren that ignore TERM go with the group", async () => {
  const child = await startChild(script(`${WITH_GRANDCHILD} setInterval(() => {}, 1000);`, { grace: 100 }));
  const grandchild = Number(await firstText(child.stdout));
  expect(isAlive(grandchild)).toBe(true);
  await child.stop();
  await gone(grandchild);
});

test("grandchildren are stopped when the child ends by itself", async () => {
  const child = await startChild(
    script(`${WITH_GRANDCHILD} process.stdin.on("data", () => process.exit(0));`, { grace: 100 }),
  );
  const grandchild = Number(await firstText(child.stdout));
  child.stdin.write("end\n");
  expect(await child.exited).toEqual({ code: 0, signal: null });
  await gone(grandchild);
});

test("stopping twice is stopping once", async () => {
  const child = await startChild(script(`process.stdin.resume()`));
  const first = child.stop();
  expect(child.stop()).toBe(first);
  await first;
});

test("stopAll stops every child", async () => {
  const children = await Promise.all([1, 2].map(async () => startChild(script(`process.stdin.resume()`))));
  await stopAll();
  expect(children.map((child) => isAlive(child.pid))).toEqual([false, false]);
});

test("L17: a flood on stderr is cut to 200 lines, and told", async () => {
  const lines: string[] = [];
  const child = await startChild(
    script(`process.stderr.write("noise\\n".repeat(500000), () => process.exit(0))`, {
      onStderr: (line) => lines.push(line),
    }),
  );
  await child.exited;
  await expect.poll(() => lines.length, { timeout: 10_000 }).toBe(201);
  expect(new Set(lines.slice(0, 200))).toEqual(new Set(["noise"]));
  expect(lines[200]).toMatch(/^29987\d\d bytes dropped$|^2998800 bytes dropped$/);
});

test("a line of stderr over 8 KiB is dropped, and told; an unended last line is kept", async () => {
  const lines: string[] = [];
  const child = await startChild(
    script(`process.stderr.write("x".repeat(100000) + "\\nlast words")`, { onStderr: (line) => lines.push(line) }),
  );
  await child.exited;
  await expect.poll(() => lines).toEqual(["a line of more than 8KiB was dropped", "last words"]);
});

test("L16: a child sees the environment it was given and nothing of ours", async () => {
  process.env["SMCP_TEST_SECRET"] = "hunter2";
  const child = await startChild({
    ...script(`console.log(Object.keys(process.env).toSorted().join())`),
    env: { ONE: "1", PATH: env["PATH"] ?? "" },
  });
  expect(await firstText(child.stdout)).toBe("ONE,PATH\n");
});

test("L15: arguments reach the child as they are: there is no shell", async () => {
  const child = await startChild({
    command: process.execPath,
    args: ["-e", "console.log(process.argv[1])", "$(id); `id` && echo\nx"],
    env,
  });
  expect(await firstText(child.stdout)).toBe("$(id); `id` && echo\nx\n");
});

test("a command that is not there is named", async () => {
  await expect(startChild({ command: "smcp-no-such-command", args: [], env })).rejects.toMatchObject({
    name: "Failure",
    message: 'the command "smcp-no-such-command" was not found',
    hint: "install it, or give its full path",
    exitCode: 1,
  });
});

test("a file that may not be executed is named", async () => {
  const folder = await files.mkdtemp(join(tmpdir(), "smcp-process-"));
  const command = join(folder, "plain.txt");
  await files.writeFile(command, "text", { mode: 0o600 });
  await expect(startChild({ command, args: [], env })).rejects.toMatchObject({
    name: "Failure",
    message: `the command "${command}" may not be executed`,
    hint: "make the file executable: chmod +x",
  });
  await files.rm(folder, { recursive: true });
});

test("a working directory that is not there is named", async () => {
  await expect(startChild(script("", { cwd: "/no/such/folder" }))).rejects.toMatchObject({
    name: "Failure",
    message: 'the working directory "/no/such/folder" is not a folder',
    hint: "create it, or correct working_dir",
  });
});

test("an argument that no system takes is a failure, not a crash", async () => {
  await expect(startChild({ command: process.execPath, args: ["a\0b"], env })).rejects.toMatchObject({
    name: "Failure",
    hint: "check command and args",
  });
});
