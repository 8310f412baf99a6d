import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const module = fileURLToPath(new URL("../src/process.ts", import.meta.url));

// A gateway of three lines whose child ignores everything that can be ignored; it prints the child's pid.
const GATEWAY = `
  const { startChild } = await import(${JSON.stringify(module)});
  const source = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("ready")';
  const child = await startChild({ command: process.execPath, args: ["-e", source], env: {} });
  child.stdout.once("data", () => console.log(child.pid));
`;

const start = async (more: string): Promise<{ gateway: ReturnType<typeof spawn>; child: number }> => {
  const gateway = spawn(process.execPath, ["-C", "@smcp/source", "--input-type=module", "-e", GATEWAY + more], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const child = await new Promise<number>((resolve) => {
    gateway.stdout.once("data", (text) => resolve(Number(text)));
  });
  return { gateway, child };
};

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("children end although their gateway was killed", async () => {
  const { gateway, child } = await start("");
  expect(isAlive(child)).toBe(true);
  gateway.kill("SIGKILL");
  await expect.poll(() => isAlive(child), { timeout: 10_000 }).toBe(false);
});

test("children end when their gateway leaves by process.exit", async () => {
  const { child } = await start(`child.stdout.once("data", () => setImmediate(() => process.exit(0)));`);
  await expect.poll(() => isAlive(child), { timeout: 10_000 }).toBe(false);
});
