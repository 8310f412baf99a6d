/** Starts the processes of a run, keeps each to its core, and reads what they cost. */
import { fork, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";

import type { Figures, Job } from "./load.ts";

const isLinux = process.platform === "linux";
const hasTaskset = isLinux && spawnSync("taskset", ["-V"]).status === 0;
const started = new Set<ChildProcess>();

process.on("exit", () => {
  for (const child of started) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

/** Ends everything that was started, and waits for it. */
export async function stopAll(): Promise<void> {
  const running = [...started].filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  for (const child of running) child.kill("SIGTERM");
  await Promise.all(running.map((child) => once(child, "exit")));
  started.clear();
}

/** Keeps a process, its future threads and its children to one core, where the system can. */
function pin(pid: number | undefined, core: number): void {
  if (!hasTaskset || pid === undefined) return;
  for (const one of [pid, ...descendants(pid)]) spawnSync("taskset", ["-a", "-p", "-c", String(core), String(one)]);
}

export function here(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** Starts a script of this folder that prints its port; answers with both. */
export async function startScript(
  name: string,
  env: Readonly<Record<string, string>>,
  core: number,
): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [here(name)], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.add(child);
  const text = await new Promise<string>((resolve, reject) => {
    child.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString("utf8")));
    child.once("exit", () => reject(new Error(`${name} ended before it was ready`)));
  });
  pin(child.pid, core);
  return { child, port: Number(text) };
}

/** Starts a command; resolves when `isReady` does. */
export async function startCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  core: number,
  isReady: () => Promise<boolean>,
): Promise<ChildProcess> {
  const [command = "", ...args] = argv;
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
  started.add(child);
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString("utf8")).slice(-4_000)));
  const until = Date.now() + 20_000;
  while (!(await isReady())) {
    if (child.exitCode !== null || Date.now() > until)
      throw new Error(`${argv.join(" ")} did not become ready:\n${said}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  pin(child.pid, core);
  return child;
}

/** Starts a command until it answers `/health`, and ends it. */
export async function startOnce(
  argv: readonly string[],
  port: number,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly ms: number; readonly memory: number }> {
  const [command = "", ...args] = argv;
  const began = performance.now();
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: "ignore" });
  started.add(child);
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`${argv.join(" ")} ended before it answered`);
  }
  const ms = performance.now() - began;
  const memory = memoryOf(child.pid);
  child.kill("SIGTERM");
  await once(child, "exit");
  started.delete(child);
  return { ms, memory };
}

/** One try, on a bare socket: a client library would take longer to load than the program to start. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(`GET /health HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`),
    );
    socket.on("data", (chunk: Buffer) => {
      socket.destroy();
      resolve(chunk.toString("latin1").startsWith("HTTP/1.1 200"));
    });
    socket.on("error", () => setTimeout(() => resolve(false), 1));
  });
}

/** Runs one job in a process of its own; `pids` are those whose CPU time is counted. */
export async function runJob(job: Job, pids: readonly number[]): Promise<Figures & { cpuSeconds: number }> {
  const child = fork(here("load.ts"), [JSON.stringify(job)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  started.add(child);
  pin(child.pid, 0);
  await new Promise((resolve) => setTimeout(resolve, job.warmMs));
  const trees = job.program && child.pid !== undefined ? [] : pids;
  const before = cpuSeconds(trees);
  const began = performance.now();
  child.send("measure");
  await new Promise((resolve) => setTimeout(resolve, job.runMs));
  const figures = await new Promise<Figures>((resolve) => {
    child.once("message", (message) => resolve(message as Figures));
    child.send("report");
  });
  const seconds = (performance.now() - began) / 1_000;
  const cost = cpuSeconds(trees) - before;
  started.delete(child);
  return { ...figures, seconds, cpuSeconds: cost };
}

/** User and system time of processes and their children so far; 0 where the system does not tell. */
function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of isLinux ? [...pids, ...pids.flatMap(descendants)] : []) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It ended meanwhile.
    }
  }
  return ticks / 100;
}

function descendants(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1")
      .trim()
      .split(" ")
      .filter(Boolean)
      .map(Number);
    return [...children, ...children.flatMap(descendants)];
  } catch {
    return [];
  }
}

/** Resident memory of a process in MiB, 0 where the system does not tell. */
export function memoryOf(pid: number | undefined): number {
  if (!isLinux || pid === undefined) return 0;
  const line = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return Math.round(Number(line?.[1] ?? 0) / 1_024);
}
