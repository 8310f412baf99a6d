import { silentLog } from "@smcp/core";
import { expect, onTestFinished, test } from "vitest";

import { startClient, type Client } from "../src/index.ts";
import { startBackend, type Answer, type Backend } from "./backend.ts";
import { settingsFor, type Changes } from "./settings.ts";
import { post } from "./speak.ts";

async function start(answer?: Answer, changes: Changes = {}, path = ""): Promise<{ client: Client; backend: Backend }> {
  const backend = await startBackend(answer);
  const client = await startClient(settingsFor(backend.url + path, changes), silentLog);
  onTestFinished(async () => {
    await client.close();
    await backend[Symbol.asyncDispose]();
  });
  return { client, backend };
}

const CALL =
  '{"jsonrpc":"2.0","id":12345678901234567890,"method":"tools/call","params":{"name":"x","arguments":{"n":1e400}}}';

test("a POST reaches the same path and query of the server, byte for byte, and its answer comes back", async () => {
  const { client, backend } = await start();
  const answer = await post(client.url, "/v1/docs?a=%20b&c", CALL);
  expect(answer).toMatchObject({ status: 200, body: CALL });
  expect(backend.seen).toMatchObject([{ method: "POST", url: "/v1/docs?a=%20b&c", body: CALL }]);
});

test("the server URL's own path stands in front with one slash", async () => {
  const { client, backend } = await start(undefined, {}, "/team/");
  await post(client.url, "/v1/docs", CALL);
  await post(client.url, "/", CALL);
  expect(backend.seen.map((one) => one.url)).toEqual(["/team/v1/docs", "/team/"]);
});

test("only the listed request headers go on, an Authorization never", async () => {
  const { client, backend } = await start();
  await post(client.url, "/v1/docs", CALL, {
    accept: "application/json, text/event-stream",
    "accept-language": "de",
    "accept-encoding": "gzip",
    authorization: "Bearer of-the-app",
    cookie: "a=b",
    "last-event-id": "7",
    "mcp-session-id": "s",
    "Mcp-Protocol-Version": "2025-11-25",
    mcp_method: "x",
    "proxy-authorization": "Basic eDp5",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate: "a=1",
    "user-agent": "app/1",
    "x-forwarded-for": "10.0.0.1",
    "x-github-token": "gh",
    "x-smcp": "1",
    "x-subject": "root",
  });
  const { host: _, connection: __, ...headers } = backend.seen[0]?.headers ?? {};
  expect(headers).toEqual({
    accept: "application/json, text/event-stream",
    "accept-encoding": "identity",
    "accept-language": "de",
    "content-length": String(CALL.length),
    "content-type": "application/json",
    "last-event-id": "7",
    "mcp-protocol-version": "2025-11-25",
    "mcp-session-id": "s",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate: "a=1",
    "user-agent": "app/1",
    "x-github-token": "gh",
  });
  expect(backend.seen[0]?.headers["host"]).toBe(backend.host);
});
