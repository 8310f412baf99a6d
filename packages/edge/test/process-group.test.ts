import { afterEach, expect, test } from "vitest";
import { safeEnvironment } from "../src/process-environment.ts";
import { isGroupGoneWithin, signalGroup } from "../src/process-group.ts";
import { startChild, stopAll, type Child } from "../src/process.ts";

afterEach(stopAll);

const shell = async (source: string): Promise<Child> =>
  startChild({ command: "/bin/sh", args: ["-c", source], env: safeEnvironment(process.env), stdinGrace: 0 });

const firstNumber = async (child: Child): Promise<number> => {
  for await (const chunk of child.stdout) return Number(String(chunk));
  return Number.NaN;
};

test("a group with a living process is there", async () => {
  const child = await shell("exec sleep 100");
  expect(await isGroupGoneWithin(child.pid, 50)).toBe(false);
});

test("a group that has ended is gone, and signalling it says so", async () => {
  const child = await shell("exit 0");
  await child.exited;
  expect(await isGroupGoneWithin(child.pid, 5_000)).toBe(true);
  expect(signalGroup(child.pid, "SIGTERM")).toBe(false);
});

// The sleeping process has a child that it never reaps, alone in a group of its own.
test.skipIf(process.platform !== "linux")("a group of zombies is gone", async () => {
  const child = await shell("setsid sleep 0 & echo $!; exec sleep 100");
  const zombie = await firstNumber(child);
  // Its number is told before it has a group of its own.
  await expect.poll(() => signalGroup(zombie, 0)).toBe(true);
  expect(await isGroupGoneWithin(zombie, 300)).toBe(true);
  expect(signalGroup(zombie, 0)).toBe(true);
});
