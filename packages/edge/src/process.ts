/**
 * Child processes that leave no orphan: each in a process group of its own, never by a shell, ended as a group. Knows
 * nothing of MCP; what is spoken on the pipes is the caller's.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { promises as files } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { describeError, Failure, type Duration } from "@smcp/core";
import { isGroupGoneWithin, signalGroup } from "./process-group.ts";
import { readStderr } from "./process-stderr.ts";
import { createWatchdog } from "./process-watchdog.ts";

/** What to start, and how patient to be when it is stopped. */
export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The child's whole environment; see `safeEnvironment`. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** How long each step of stopping waits: stdin end, then TERM, then KILL, to the whole group. Default 2 s. */
  readonly grace?: Duration;
  /** How long the first step alone waits: 0 for programs that do not end with their stdin. Default `grace`. */
  readonly stdinGrace?: Duration;
  /** Gets stderr line by line: at most 8 KiB each and 200 in 10 s, then `N bytes dropped`. Left out: stderr goes nowhere. */
  readonly onStderr?: (line: string) => void;
}

/** A running child, or one that has ended. */
export interface Child {
  readonly pid: number;
  /** Errors on it (EPIPE when the child is gone) are swallowed: watch `exited`. */
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Settles when the child itself has ended; it never rejects. What it left behind in its group is then stopped. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Ends the whole group. Idempotent; resolves when the group is gone, at the latest after three times `grace`. */
  stop(): Promise<void>;
}

const DEFAULT_GRACE: Duration = 2_000;

// One list for the process: `stopAll` and the last resort at exit must see the children of every module.
const running = new Set<Child>();
const watchdog = createWatchdog();

/**
 * Starts a program.
 *
 * @throws Failure naming the command when it cannot be started
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { command, args, env, cwd, onStderr } = options;
  await requireFolder(cwd);
  let spawned: ChildProcess;
  try {
    spawned = spawn(command, [...args], {
      ...(cwd !== undefined && { cwd }),
      env,
      detached: true,
      shell: false,
      stdio: ["pipe", "pipe", onStderr ? "pipe" : "ignore"],
    });
    // Must stand before the first await: an error without a listener ends the process.
    const failed = new Promise<never>((_, reject) => spawned.once("error", reject));
    failed.catch(() => undefined);
    if (spawned.pid === undefined) return await failed;
  } catch (error) {
    throw notStarted(command, error);
  }
  // A later error event is a signal that could not be sent: nothing to do.
  spawned.on("error", () => undefined);
  if (onStderr && spawned.stderr) readStderr(spawned.stderr, onStderr);
  return supervise(spawned, options);
}

/** Stops every child of this process. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((child) => child.stop()));
}

function supervise(spawned: ChildProcess, options: ChildOptions): Child {
  const { pid, stdin, stdout } = spawned;
  if (pid === undefined || !stdin || !stdout) throw new TypeError("a child without a pid or pipes");
  stdin.on("error", () => undefined);
  stdout.on("error", () => undefined);
  let stopping: Promise<void> | undefined;
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    spawned.once("exit", (code, signal) => resolve({ code, signal }));
  });
  const child: Child = {
    pid,
    stdin,
    stdout,
    exited,
    stop: () => (stopping ??= endGroup(spawned, pid, options).finally(() => release(child))),
  };
  enlist(child);
  // It may leave grandchildren behind; asking at once also keeps us from ever signalling a number used anew.
  spawned.once("exit", () => void child.stop());
  return child;
}

/** stdin end, TERM, KILL: each to the whole group, each with its wait. */
async function endGroup(spawned: ChildProcess, leader: number, options: ChildOptions): Promise<void> {
  const grace = options.grace ?? DEFAULT_GRACE;
  spawned.stdin?.end();
  if (!(await isGroupGoneWithin(leader, options.stdinGrace ?? grace))) {
    signalGroup(leader, "SIGTERM");
    if (!(await isGroupGoneWithin(leader, grace))) {
      signalGroup(leader, "SIGKILL");
      // What is still there now are zombies that nobody reaps: waiting longer would not help.
      await isGroupGoneWithin(leader, grace);
    }
  }
  closePipes(spawned, grace);
}

/** A process that left the group may hold our pipes: they are closed after `grace`, which leaves time to read the rest. */
function closePipes(spawned: ChildProcess, grace: Duration): void {
  const close = (): void => {
    for (const stream of [spawned.stdin, spawned.stdout, spawned.stderr]) stream?.destroy();
  };
  const timer = setTimeout(close, grace).unref();
  spawned.once("close", () => clearTimeout(timer));
}

function enlist(child: Child): void {
  if (running.size === 0) process.on("exit", killAll);
  running.add(child);
  watchdog.watch(child.pid);
}

function release(child: Child): void {
  running.delete(child);
  watchdog.forget(child.pid);
  if (running.size === 0) process.off("exit", killAll);
}

/** The last resort: nothing can be awaited any more. */
function killAll(): void {
  for (const child of running) signalGroup(child.pid, "SIGKILL");
}

async function requireFolder(cwd: string | undefined): Promise<void> {
  if (cwd === undefined) return;
  const found = await files.stat(cwd).catch(() => undefined);
  if (!found?.isDirectory()) {
    throw new Failure(`the working directory "${cwd}" is not a folder`, "create it, or correct working_dir");
  }
}

function notStarted(command: string, error: unknown): Failure {
  const { code } = error as { code?: unknown };
  if (code === "ENOENT") {
    return new Failure(`the command "${command}" was not found`, "install it, or give its full path");
  }
  if (code === "EACCES") {
    return new Failure(`the command "${command}" may not be executed`, "make the file executable: chmod +x");
  }
  return new Failure(`the command "${command}" cannot be started: ${describeError(error)}`, "check command and args");
}
