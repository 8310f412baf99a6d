import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Clock } from "@smcp/core";
import { beforeEach, expect, onTestFinished, test } from "vitest";

import { withLock } from "../src/store/lock.ts";
import { Turns } from "../src/store/turns.ts";
import { scratchFolder } from "./state-folder.ts";

let folder: string;
let lock: string;
beforeEach(() => {
  folder = scratchFolder();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  lock = join(folder, "one.lock");
});

function start(...args: string[]): ChildProcess {
  const script = join(import.meta.dirname, "fixtures/hold-lock.ts");
  const child = spawn(process.execPath, ["-C", "@smcp/source", script, lock, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** A process that holds the lock. */
async function holder(): Promise<ChildProcess> {
  const child = start();
  if (child.stdout) await once(child.stdout, "data");
  return child;
}

function written(): Record<string, unknown> {
  return JSON.parse(readFileSync(lock, "utf8")) as Record<string, unknown>;
}

/** A minute passes in 0.3 s. */
function fastClock(): Clock {
  return { now: () => Date.now() + performance.now() * 200, elapsed: () => performance.now() * 200 };
}

test("a lock says who holds it, and leaves nothing behind", async () => {
  await withLock(lock, () => {
    expect(written()).toEqual({
      pid: process.pid,
      started: expect.any(Number),
      host: expect.any(String),
      nonce: expect.any(String),
    });
    return Promise.resolve();
  });
  expect(readdirSync(folder)).toEqual([]);
});

test("work that fails gives the lock back", async () => {
  await expect(withLock(lock, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(readdirSync(folder)).toEqual([]);
});

test("one at a time, in one process and in several, also when all of them find the lock of a dead one", async () => {
  const dead = await holder();
  dead.kill("SIGKILL");
  await once(dead, "exit");
  const counter = join(folder, "counter");
  writeFileSync(counter, "0");
  const others = [start(counter), start(counter)].map((child) => once(child, "exit"));
  const own = Array.from({ length: 10 }, () =>
    withLock(lock, async () => {
      const before = Number(readFileSync(counter, "utf8"));
      await new Promise(setImmediate);
      writeFileSync(counter, String(before + 1));
    }),
  );
  await Promise.all([...own, ...others]);
  expect(readFileSync(counter, "utf8")).toBe("30");
  expect(readdirSync(folder)).toEqual(["counter"]);
});

test("L11: kill -9 of the holder: the next one has the lock at once", async () => {
  const child = await holder();
  expect(written()["pid"]).toBe(child.pid);
  const waiting = withLock(lock, () => Promise.resolve(child.killed));
  // It has looked at the lock by then, in vain.
  await new Promise((resolve) => setTimeout(resolve, 50));
  child.kill("SIGKILL");
  expect(await waiting).toBe(true);
  expect(readdirSync(folder)).toEqual([]);
});

test("a holder that lives keeps the lock until its lease is over; what it then holds no more it does not give back", async () => {
  const stuck = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<void>();
  const first = withLock(lock, () => {
    taken.resolve();
    return stuck.promise;
  });
  await taken.promise;
  const before = written()["nonce"];
  await withLock(
    lock,
    async () => {
      const { nonce } = written();
      expect(nonce).not.toBe(before);
      stuck.resolve();
      await first;
      expect(written()["nonce"]).toBe(nonce);
    },
    fastClock(),
  );
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  ["of a process that had our id before us", { pid: process.pid, nonce: "another process" }],
  ["of another machine, past its lease", { host: "elsewhere", started: Date.now() - 61_000 }],
])("a lock %s is taken", async (_, changes) => {
  const host = await withLock(lock, () => Promise.resolve(written()["host"]));
  writeFileSync(lock, JSON.stringify({ pid: 1, host, started: Date.now(), nonce: "x", ...changes }));
  await withLock(lock, () => Promise.resolve());
  expect(readdirSync(folder)).toEqual([]);
});

test("a lock that was taken before the clock was set back is taken, too, when it was seen for as long as its lease", async () => {
  const started = Date.now() + 3_600_000;
  writeFileSync(lock, JSON.stringify({ pid: 1, host: "elsewhere", started, nonce: "x" }));
  await withLock(lock, () => Promise.resolve(), { now: () => Date.now(), elapsed: () => fastClock().elapsed() });
  expect(readdirSync(folder)).toEqual([]);
});

test.each(["", "{", '{"pid":"1"}'])("a lock file that says %j is held until its lease is over", async (text) => {
  writeFileSync(lock, text);
  const order: string[] = [];
  const patient = withLock(lock, () => Promise.resolve(void order.push("patient")));
  await withLock(lock, () => Promise.resolve(void order.push("hasty")), fastClock());
  await patient;
  expect(order).toEqual(["hasty", "patient"]);
  expect(readdirSync(folder)).toEqual([]);
});

test("where no file can be made the error says so", async () => {
  await expect(withLock(join(folder, "nowhere/one.lock"), () => Promise.resolve())).rejects.toMatchObject({
    code: "ENOENT",
  });
});

test("whoever has its turn may take it again; what it leaves running behind may not", async () => {
  const turns = new Turns();
  const order: string[] = [];
  const isOver = Promise.withResolvers<void>();
  let later: Promise<void> | undefined;
  await turns.take(async () => {
    await turns.take(() => Promise.resolve(void order.push("inner")));
    later = isOver.promise.then(() => turns.take(() => Promise.resolve(void order.push("later"))));
  });
  const gate = Promise.withResolvers<void>();
  const other = turns.take(() => gate.promise.then(() => void order.push("other")));
  isOver.resolve();
  await new Promise(setImmediate);
  gate.resolve();
  await Promise.all([other, later]);
  expect(order).toEqual(["inner", "other", "later"]);
});
