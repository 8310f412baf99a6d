import { spawn, type ChildProcess } from "node:child_process";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

import { expect, test } from "vitest";

import { caller, fixture, INITIALIZE, isAlive, modernCaller, openSession } from "./stdio-harness.ts";

/** A whole server in a process of its own, with a child for each era; it prints its address. */
const PROGRAM = `
  const { startServer } = await import(${JSON.stringify(resolve(import.meta.dirname, "../src/index.ts"))});
  const { serverSettings, stdioBackend } = await import("@smcp/testing");
  const { silentLog } = await import("@smcp/core");
  const backend = (id, file, vice, era) => stdioBackend(id, process.execPath, [file, ...vice], { era });
  const settings = serverSettings({ backends: [
    backend("old", ${JSON.stringify(fixture("stdio-scripted.js"))}, ["ignores-term"], "legacy"),
    backend("new", ${JSON.stringify(fixture("stdio-modern.js"))}, ["ignores-term"], "modern"),
  ] });
  const server = await startServer(settings, silentLog, { env: process.env });
  console.log(server.url);
`;

async function start(): Promise<{ readonly gateway: ChildProcess; readonly url: string }> {
  const gateway = spawn(process.execPath, ["-C", "@smcp/source", "--input-type=module", "-e", PROGRAM], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const url of createInterface({ input: gateway.stdout })) return { gateway, url };
  throw new Error("the server ended before it listened");
}

test("children of both eras end although their gateway was killed, also those that ignore everything else", async () => {
  const { gateway, url } = await start();
  const legacy = await openSession(`${url}/old`);
  const { result } = await modernCaller(`${url}/new`).ask(1, "echo");
  const pids = [legacy.pid, result["pid"] as number];
  expect(pids.map(isAlive)).toEqual([true, true]);
  // A call under way changes nothing.
  const held = legacy.post({ jsonrpc: "2.0", id: 1, method: "hold", params: { name: "x" } });
  const lost = expect(held).rejects.toThrow("fetch failed");
  gateway.kill("SIGKILL");
  await lost;
  await expect.poll(() => pids.map(isAlive), { timeout: 10_000 }).toEqual([false, false]);
  await expect(caller(`${url}/old`).post(INITIALIZE)).rejects.toThrow("fetch failed");
});
