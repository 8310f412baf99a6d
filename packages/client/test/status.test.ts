import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";

import { Failure } from "@smcp/core";
import { expect, onTestFinished, test } from "vitest";

import { runningClients, startClient, storedSignIns, type Client } from "../src/index.ts";
import { Apps, introductionIn } from "../src/status/apps.ts";
import { openSessionStore } from "../src/store/open.ts";
import { startBackend, type Backend } from "./backend.ts";
import { keepLog } from "./log.ts";
import { settingsFor, type Changes } from "./settings.ts";
import { post } from "./speak.ts";
import { placeIn, sampleSession, scratchFolder } from "./state-folder.ts";

const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","clientInfo":{"name":"claude-code","version":"2.1"}}}';
const CALL = '{"jsonrpc":"2.0","id":2,"method":"tools/list"}';

interface Setup {
  readonly client: Client;
  readonly backend: Backend;
  readonly stateFolder: string;
}

async function start(changes: Changes = {}): Promise<Setup> {
  const stateFolder = scratchFolder();
  const backend = await startBackend();
  const client = await startClient(settingsFor(backend.url, { stateFolder, ...changes }), keepLog(), {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
  });
  onTestFinished(async () => {
    await client.close();
    await backend[Symbol.asyncDispose]();
  });
  return { client, backend, stateFolder };
}

test("a running client tells its own user where it is, who uses it and what failed last", async () => {
  const { client, backend, stateFolder } = await start({ profile: "work" });
  const [fresh] = await runningClients(stateFolder);
  expect(fresh).toMatchObject({
    pid: process.pid,
    host: hostname(),
    url: client.url,
    server: `${backend.url}/`,
    profile: "work",
    signIn: { state: "unneeded" },
    apps: [],
    calls: 0,
  });
  await post(client.url, "/v1/docs", INITIALIZE, { "user-agent": "node" });
  await post(client.url, "/v1/docs", CALL, { "user-agent": "node" });
  await post(client.url, "/v1/docs", CALL, { "user-agent": "curl/8" });
  backend.answer = (_, response) => response.destroy();
  await post(client.url, "/v1/docs", CALL);
  // What an app did wrong is not the client's trouble.
  await post(client.url, "/v1/docs", "{}", { "content-type": "text/plain" });
  await expect.poll(async () => (await runningClients(stateFolder))[0]?.calls, { timeout: 10_000 }).toBe(4);
  const [busy] = await runningClients(stateFolder);
  expect(busy?.apps.map(({ name, version, calls }) => [name, version, calls])).toEqual(
    expect.arrayContaining([
      ["claude-code", "2.1", 2],
      ["curl/8", undefined, 1],
      ["unknown", undefined, 1],
    ]) as unknown,
  );
  expect(busy?.lastError).toMatchObject({
    code: 50201,
    message: `the smcp server at ${backend.host} cannot be reached`,
  });
});

test("on stdio it tells the app by its name too, and its file goes with it", async () => {
  const stdin = new PassThrough();
  const stateFolder = scratchFolder();
  const backend = await startBackend();
  onTestFinished(() => backend[Symbol.asyncDispose]());
  const settings = settingsFor(backend.url, { stateFolder, stdioPath: "/v1/docs" });
  const client = await startClient(settings, keepLog(), { stdin, stdout: new PassThrough() });
  stdin.write(`${INITIALIZE}\n${CALL}\n`);
  await expect.poll(async () => (await runningClients(stateFolder))[0]?.calls, { timeout: 10_000 }).toBe(2);
  expect((await runningClients(stateFolder))[0]?.apps).toMatchObject([{ name: "claude-code", version: "2.1" }]);
  stdin.end();
  await client.done;
  expect(await runningClients(stateFolder)).toEqual([]);
  expect(readdirSync(join(stateFolder, "clients"))).toEqual([]);
});

test("a second client at the same place is told who has it", async () => {
  const { client, backend, stateFolder } = await start();
  const port = Number(new URL(client.url).port);
  await expect(startClient(settingsFor(backend.url, { stateFolder, port }), keepLog())).rejects.toThrow(
    new Failure(
      `another smcp client (pid ${process.pid}) has ${client.url} already, for ${backend.url}/`,
      "use that one, stop it, or choose another place with --port or --listen",
    ),
  );
});

test("the file is this user's alone, and holds nothing that a web page or another user could ask for", async () => {
  const { stateFolder } = await start();
  const folder = join(stateFolder, "clients");
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  const [name = ""] = readdirSync(folder);
  expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(folder, name), "utf8")).not.toContain("token");
});

test("what the dead and strangers left is not believed: the dead are swept, other machines' files stay", async () => {
  const stateFolder = scratchFolder();
  const folder = join(stateFolder, "clients");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(stateFolder, 0o700);
  const write = (pid: number, more: object): string => {
    const file = join(folder, `${pid}-abc.json`);
    const text = { pid, host: hostname(), url: "http://127.0.0.1:1", apps: [], startedAt: 1, ...more };
    writeFileSync(file, JSON.stringify(text), { mode: 0o600 });
    return file;
  };
  // Beyond what any system gives.
  const dead = write(2 ** 30, {});
  const elsewhere = write(2 ** 30 + 1, { host: "elsewhere.example" });
  const open = write(process.pid, {});
  chmodSync(open, 0o644);
  writeFileSync(join(folder, "7-abc.json"), "{", { mode: 0o600 });
  writeFileSync(join(folder, "x.txt"), "", { mode: 0o600 });
  const torn = join(folder, "7-def.json.tmp");
  const fresh = join(folder, "8-def.json.tmp");
  for (const file of [torn, fresh]) writeFileSync(file, "{", { mode: 0o600 });
  utimesSync(torn, 1, 1);
  expect(await runningClients(stateFolder)).toEqual([]);
  expect([existsSync(torn), existsSync(fresh)]).toEqual([false, true]);
  expect([existsSync(dead), existsSync(elsewhere), existsSync(open)]).toEqual([false, true, true]);
  expect(await runningClients(join(stateFolder, "none"))).toEqual([]);
});

test("stored sign-ins are told with who and until when, never with a token; what cannot be used is said so", async () => {
  const folder = scratchFolder();
  const log = keepLog();
  const put = async (profile: string, changes = {}): Promise<void> => {
    const store = await openSessionStore(placeIn(folder, "file", { profile }), log);
    await store.write(sampleSession({ obtainedAt: Date.now(), ...changes }));
  };
  await put("default");
  await put("old", { obtainedAt: 1, refreshToken: undefined });
  writeFileSync(join(folder, `${"0".repeat(16)}-${"1".repeat(32)}.session.json`), "{", { mode: 0o600 });
  const found = await storedSignIns(folder, log);
  expect(found).toMatchObject([
    {
      server: "https://mcp.example.com",
      profile: "default",
      state: { state: "signed-in", email: "alice@example.com" },
    },
    { server: "https://mcp.example.com", profile: "old", state: { state: "signed-out", isRenewable: false } },
  ]);
  expect(JSON.stringify(found)).not.toContain("hunter2");
  expect(log.lines.join("\n")).toContain("is broken");
  expect(await storedSignIns(join(folder, "none"), log)).toEqual([]);
});

test("apps are told apart by name, version and agent; there are 64 at most, and nothing in a name steers a terminal", () => {
  const apps = new Apps();
  const first = apps.introduce(apps.byAgent("node"), { name: "a", version: "1" });
  first.lastUse = 1;
  expect(apps.byAgent("node")).toBe(first);
  const second = apps.introduce(first, { name: "b", version: "1" });
  expect(second).not.toBe(first);
  expect(apps.introduce(second, { name: "a", version: "1" })).toBe(first);
  expect(apps.byAgent("evil\u001b[2J\nagent").name).toBe("evil [2J agent");
  for (let n = 0; n < 100; n++) apps.byAgent(`agent-${n}`).lastUse = n + 2;
  expect(apps.list()).toHaveLength(64);
  expect(apps.list()[0]?.name).toBe("agent-99");
});

test.each([
  ['{"params":{"clientInfo":{"name":"x","version":"1"}}}', { name: "x", version: "1" }],
  ['{"params":{"_meta":{"io.modelcontextprotocol/clientInfo":{"name":"y"}}}}', { name: "y", version: undefined }],
  ['{"params":{"clientInfo":{"name":7}}}', undefined],
  ['{"params":{"clientInfo":{"name":"\\u0007"}}}', undefined],
  ['{"params":[]}', undefined],
  ["null", undefined],
  ["not JSON", undefined],
  [`{"params":{"clientInfo":{"name":"${"x".repeat(20_000)}"}}}`, undefined],
])("an introduction is read, or is none: %#", (text, expected) => {
  expect(introductionIn(Buffer.from(text))).toEqual(expected);
});
