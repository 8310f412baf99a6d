/** SIGTERM at either program: calls under way are answered, what would stay open for ever is cut, nobody new gets in. */
import type { ServerResponse } from "node:http";

import { recordingBackend } from "@smcp/testing";
import { expect, test } from "vitest";
import { Folder, type Program } from "./program.ts";

const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow"}}';

type Start = (folder: Folder, backend: string, grace: string) => Promise<{ program: Program; url: string }>;

const startServer: Start = async (folder, backend, grace) => {
  folder.write(
    "smcp.yaml",
    `server: { host: 127.0.0.1, port: 0, shutdown_timeout: ${grace} }\nauth: { mode: none }\nservers: { docs: { url: "${backend}" } }\n`,
  );
  const program = folder.start(["server"]);
  const [, url = ""] = await program.says(/address: (http:\/\/127\.0\.0\.1:\d+)/);
  return { program, url };
};

const startClient: Start = async (folder, backend, grace) => {
  const args = ["--port=0", "--auth-mode=none", `--server-url=${backend}`, `--shutdown-timeout=${grace}`];
  const program = folder.start(["client", ...args]);
  const [, url = ""] = await program.says(/(http:\/\/127\.0\.0\.1:\d+) relays/);
  return { program, url };
};

const both: [string, Start][] = [
  ["smcp server", startServer],
  ["smcp client", startClient],
];

test.each(both)("%s answers the call under way, cuts the standing stream and exits 0", async (_, start) => {
  using folder = new Folder();
  const held = Promise.withResolvers<ServerResponse>();
  await using backend = await recordingBackend((seen, response) => {
    response.writeHead(200, { "content-type": seen.method === "GET" ? "text/event-stream" : "application/json" });
    response.flushHeaders();
    if (seen.method === "POST") held.resolve(response);
    else response.write("data: 1\n\n");
  });
  const { program, url } = await start(folder, backend.url, "10s");
  const stream = await fetch(`${url}/mcp/docs`, { headers: { accept: "text/event-stream" } });
  const events = stream.body?.getReader();
  expect(Buffer.from((await events?.read())?.value ?? "").toString()).toBe("data: 1\n\n");
  const call = await fetch(`${url}/mcp/docs`, { method: "POST", headers, body });
  const response = await held.promise;

  program.child.kill("SIGTERM");
  await program.says(/stopping after SIGTERM/);
  await expect.poll(() => fetch(`${url}/health`).then(String, () => "nobody")).toBe("nobody");
  response.end('{"jsonrpc":"2.0","id":1,"result":{}}');
  expect([call.status, await call.json()]).toEqual([200, { jsonrpc: "2.0", id: 1, result: {} }]);
  await expect(events?.read()).rejects.toThrow();
  expect(await program.ended).toMatchObject({ code: 0, signal: null });
});

test.each(both)("%s cuts a call that takes longer than it may, and exits 0", async (_, start) => {
  using folder = new Folder();
  const held = Promise.withResolvers<void>();
  await using backend = await recordingBackend((_seen, response) => {
    response.writeHead(200, { "content-type": "application/json" }).write("{");
    held.resolve();
  });
  const { program, url } = await start(folder, backend.url, "300ms");
  const call = await fetch(`${url}/mcp/docs`, { method: "POST", headers, body });
  await held.promise;
  program.child.kill("SIGTERM");
  await expect(call.text()).rejects.toThrow();
  expect(await program.ended).toMatchObject({ code: 0, signal: null });
  await backend.nextAbort();
});

test.each(both)("%s does not wait for a subscription, which ends when its caller leaves", async (_, start) => {
  using folder = new Folder();
  await using backend = await recordingBackend((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
  });
  const { program, url } = await start(folder, backend.url, "1h");
  const listen = {
    jsonrpc: "2.0",
    id: 1,
    method: "subscriptions/listen",
    params: { _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } },
  };
  const modern = { ...headers, "mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen" };
  const stream = await fetch(`${url}/mcp/docs`, { method: "POST", headers: modern, body: JSON.stringify(listen) });
  expect(stream.status).toBe(200);
  program.child.kill("SIGTERM");
  await expect(stream.text()).rejects.toThrow();
  expect(await program.ended).toMatchObject({ code: 0, signal: null });
});
