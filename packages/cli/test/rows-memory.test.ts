/** What floods a backend or a child sends: the program's memory stays within bounds. Read from the system, not from Node. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { recordingBackend } from "@smcp/testing";
import { expect, test } from "vitest";
import { Folder, type Program } from "./program.ts";

const SCRIPTED = fileURLToPath(new URL("../../server/test/fixtures/stdio-scripted.js", import.meta.url));
const MIB = 1 << 20;

/** The most that a program ever had in memory, in bytes. */
function peak({ child }: Program): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}

const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };

async function start(folder: Folder, servers: string) {
  folder.write("smcp.yaml", `listen: "127.0.0.1:0"\nauth: { mode: none }\nservers:\n${servers}`);
  const program = folder.start(["server"]);
  const [, url = ""] = await program.says(/address: (http:\/\/127\.0\.0\.1:\d+)/);
  await program.says(/issuers: none/);
  return { program, url };
}

const post = (url: string, method: string, params: object, more: Readonly<Record<string, string>> = {}) =>
  fetch(url, {
    method: "POST",
    headers: { ...headers, ...more },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });

test.runIf(process.platform === "linux")("H20: an answer of 200 MiB in one line passes through", async () => {
  using folder = new Folder();
  await using backend = await recordingBackend(async (_, response) => {
    const piece = Buffer.alloc(MIB, "x");
    response.writeHead(200, { "content-type": "application/json" }).write('{"jsonrpc":"2.0","id":1,"result":"');
    for (let n = 0; n < 200; n++) {
      if (!response.write(piece)) await new Promise((resolve) => response.once("drain", resolve));
    }
    response.end('"}');
  });
  const { program, url } = await start(folder, `  docs: { url: "${backend.url}" }\n`);
  await (await post(`${url}/health`, "ping", {})).text();
  const before = peak(program);
  const answer = await post(`${url}/mcp/docs`, "tools/list", {});
  let size = 0;
  for await (const chunk of answer.body ?? []) size += chunk.length;
  expect(size).toBe(200 * MIB + 36);
  expect(peak(program) - before).toBeLessThan(100 * MIB);
});

test.runIf(process.platform === "linux")(
  "L17: a line of 100 MiB of a child is not gathered: its session ends",
  async () => {
    using folder = new Folder();
    const { program, url } = await start(
      folder,
      `  files: { command: "${process.execPath}", args: ["${SCRIPTED}"] }\n`,
    );
    const info = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "app", version: "1" } };
    const opened = await post(`${url}/mcp/files`, "initialize", info);
    await opened.text();
    const session = { "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
    const before = peak(program);
    const refused = await post(`${url}/mcp/files`, "big", { size: 100 * MIB }, session);
    expect([refused.status, await refused.json()]).toMatchObject([
      502,
      { id: 1, error: { code: 50201, message: 'the backend "files" failed' } },
    ]);
    expect(peak(program) - before).toBeLessThan(100 * MIB);
    expect((await post(`${url}/mcp/files`, "ping", {}, session)).status).toBe(404);
  },
);
