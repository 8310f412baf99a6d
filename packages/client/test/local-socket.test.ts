import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Secret, silentLog } from "@smcp/core";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { startClient, type Client } from "../src/index.ts";
import { startBackend, type Backend } from "./backend.ts";
import { settingsFor, type Changes } from "./settings.ts";
import { post, speak } from "./speak.ts";

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
let folder: string;
let backend: Backend;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "smcp-socket-"));
  backend = await startBackend();
});
afterEach(async () => {
  await backend[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

async function start(socketPath: string, changes: Changes = {}): Promise<Client> {
  const client = await startClient(settingsFor(backend.url, { socketPath, ...changes }), silentLog);
  onTestFinished(() => client.close());
  return client;
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const refused = (message: string, hint: string, exitCode: number) =>
  expect.objectContaining({ message, hint, exitCode });

/** Leaves a socket behind as a killed process does. */
async function leaveStale(path: string): Promise<void> {
  const code = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  await once(spawn(process.execPath, ["-e", code], { stdio: "ignore" }), "exit");
  expect(lstatSync(path).isSocket()).toBe(true);
}

test("L6: the socket is 0600 in a folder of 0700, whatever the umask, and gone at the end", async () => {
  const path = join(folder, "new/deep/smcp.sock");
  const before = process.umask(0);
  try {
    const client = await start(path);
    expect(client.url).toBe(`unix:${path}`);
    expect(process.umask()).toBe(0);
    expect([modeOf(path), modeOf(join(folder, "new/deep")), modeOf(join(folder, "new"))]).toEqual([
      "600",
      "700",
      "700",
    ]);
    expect(await post(client.url, "/v1/docs", PING)).toMatchObject({ status: 200, body: PING });
    await client.close();
    await client.done;
    expect(existsSync(path)).toBe(false);
  } finally {
    process.umask(before);
  }
});

test("on the socket Host is not looked at, Origin is", async () => {
  const { url } = await start(join(folder, "s"));
  for (const host of ["localhost", "evil.example", "", "a b"]) {
    expect(await post(url, "/v1/docs", PING, { host })).toMatchObject({ status: 200, body: PING });
  }
  const headers = ["content-type", "application/json"];
  expect(await speak(url, { path: "/v1/docs", body: PING, headers })).toMatchObject({ status: 200 });
  expect(backend.seen).toHaveLength(5);
  const page = await post(url, "/v1/docs", PING, { origin: "https://evil.example" });
  expect(page).toMatchObject({ status: 403, body: "requests from this Origin are not accepted\n" });
  expect(backend.seen).toHaveLength(5);
});

test("on the socket the local secret is asked for too", async () => {
  const { url } = await start(join(folder, "s"), { localSecret: new Secret("correct-horse-battery") });
  const answer = await post(url, "/v1/docs", PING);
  expect(answer).toMatchObject({ status: 403, body: "this endpoint needs its local secret\n" });
  expect(backend.seen).toEqual([]);
  expect(await post(url, "/s/correct-horse-battery/v1/docs", PING)).toMatchObject({ status: 200 });
});

describe("L6: what stands at the path", () => {
  test("is removed when it is a socket of ours on which nobody answers", async () => {
    const path = join(folder, "s");
    await leaveStale(path);
    const { url } = await start(path);
    expect(await post(url, "/v1/docs", PING)).toMatchObject({ status: 200, body: PING });
    expect(modeOf(path)).toBe("600");
  });

  test("stays when somebody answers on it", async () => {
    const path = join(folder, "s");
    const first = await start(path);
    const failure = refused(
      `the socket "${path}" is taken by another program`,
      "stop that program, or choose another path",
      1,
    );
    await expect(start(path)).rejects.toEqual(failure);
    const other = createServer((socket) => socket.destroy());
    const silent = join(folder, "silent");
    await once(other.listen(silent), "listening");
    await expect(start(silent)).rejects.toMatchObject({
      message: `the socket "${silent}" is taken by another program`,
    });
    other.close();
    expect(await post(first.url, "/v1/docs", PING)).toMatchObject({ status: 200 });
  });

  test("stays when it is a file, a folder or a link", async () => {
    const stale = join(folder, "stale");
    await leaveStale(stale);
    writeFileSync(join(folder, "file"), "precious");
    mkdirSync(join(folder, "folder"));
    symlinkSync(stale, join(folder, "link"));
    for (const name of ["file", "folder", "link"]) {
      const path = join(folder, name);
      await expect(start(path)).rejects.toEqual(
        refused(`"${path}" is there already and is not a socket`, "choose another path, or move that away", 1),
      );
      expect(existsSync(path)).toBe(true);
    }
  });

  test.skipIf(process.geteuid?.() !== 0)("stays when it is another user's (needs root to give it away)", async () => {
    const { chownSync } = await import("node:fs");
    const path = join(folder, "s");
    await leaveStale(path);
    chownSync(path, 12_345, 12_345);
    await expect(start(path)).rejects.toEqual(
      refused(`the socket "${path}" belongs to another user (12345)`, "choose another path", 1),
    );
    expect(lstatSync(path).isSocket()).toBe(true);
    const given = join(folder, "given");
    mkdirSync(given, { mode: 0o700 });
    chownSync(given, 12_345, 12_345);
    await expect(start(join(given, "s"))).rejects.toMatchObject({
      message: `the folder "${given}" for the socket belongs to another user (12345)`,
    });
  });
});

test.each([0o777, 0o1777, 0o770, 0o702])("L6: a folder that others can write (%o) is refused", async (mode) => {
  chmodSync(folder, mode);
  const shown = mode.toString(8).padStart(4, "0");
  await expect(start(join(folder, "s"))).rejects.toEqual(
    refused(
      `others can write in the folder "${folder}" of the socket (mode ${shown})`,
      "use a folder of your own: mkdir -m 700 FOLDER, then --listen unix:FOLDER/smcp.sock",
      2,
    ),
  );
  expect(existsSync(join(folder, "s"))).toBe(false);
});

test("a folder that cannot be made is told", async () => {
  writeFileSync(join(folder, "file"), "");
  const below = join(folder, "file/below");
  await expect(start(join(below, "s"))).rejects.toMatchObject({
    message: expect.stringMatching(`^the folder "${below}" for the socket cannot be made: ENOTDIR`) as string,
    exitCode: 1,
  });
});
