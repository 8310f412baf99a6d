import { silentLog } from "@smcp/core";
import { expect, onTestFinished, test } from "vitest";

import { startClient, type Client } from "../src/index.ts";
import { startBackend, type Answer, type Backend } from "./backend.ts";
import { settingsFor, type Changes } from "./settings.ts";
import { post, speak, speakRaw } from "./speak.ts";

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
  const { host: _, connection: __, "x-request-id": ___, ...headers } = backend.seen[0]?.headers ?? {};
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

test("the listed response headers come back, the server's others do not", async () => {
  const { client } = await start((_, response) => {
    response
      .writeHead(200, {
        "content-type": "application/json",
        "content-length": "2",
        "mcp-session-id": "s",
        "cache-control": "no-store",
        "retry-after": "1",
        "x-accel-buffering": "no",
        "set-cookie": "a=b",
        "www-authenticate": "Bearer",
        "access-control-allow-origin": "*",
        "x-request-id": "the server's",
        location: "/x",
      })
      .end("{}");
  });
  const { headers } = await post(client.url, "/v1/docs", CALL);
  const { date: _, connection: __, "keep-alive": ___, "x-request-id": requestId, ...rest } = headers;
  expect(rest).toEqual({
    "cache-control": "no-store",
    "content-length": "2",
    "content-type": "application/json",
    "mcp-session-id": "s",
    "retry-after": "1",
    "x-accel-buffering": "no",
  });
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
});

test("GET and DELETE go to the same path, without a body", async () => {
  const { client, backend } = await start((_, response) => response.writeHead(405, { allow: "POST" }).end());
  for (const method of ["GET", "DELETE"]) {
    const answer = await speak(client.url, { method, path: "/v1/docs", headers: { "mcp-session-id": "s" } });
    expect(answer).toMatchObject({ status: 405, body: "" });
    expect(answer.headers["allow"]).toBe("POST");
  }
  expect(backend.seen).toMatchObject([
    { method: "GET", url: "/v1/docs", body: "" },
    { method: "DELETE", url: "/v1/docs", body: "" },
  ]);
  expect((await speak(client.url, { method: "PUT", path: "/v1/docs" })).status).toBe(405);
  expect(backend.seen).toHaveLength(2);
});

test("an event arrives while the answer is still open, and a caller that leaves is told to the server", async () => {
  const left = Promise.withResolvers<void>();
  const { client } = await start((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n");
    response.on("close", () => left.resolve());
  });
  const answer = await fetch(`${client.url}/v1/docs`, { headers: { accept: "text/event-stream" } });
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("data: 1\n\n");
  await reader.cancel();
  await left.promise;
});

test("a caller that leaves before the answer is told to the server too", async () => {
  const arrived = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const { client } = await start((_, response) => {
    arrived.resolve();
    response.on("close", () => left.resolve());
  });
  const leave = new AbortController();
  const answer = fetch(`${client.url}/v1/docs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: CALL,
    signal: leave.signal,
  });
  await arrived.promise;
  leave.abort();
  await expect(answer).rejects.toThrow("This operation was aborted");
  await left.promise;
});

test("a server that breaks off in the middle leaves a broken answer, never a forged end", async () => {
  const { client } = await start((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n", () => setImmediate(() => response.destroy()));
  });
  await expect(speak(client.url, { path: "/v1/docs" })).rejects.toThrow("aborted");
});

test("a large answer arrives whole, and a reader that stops stops the server", async () => {
  const whole = Buffer.alloc(32 << 20, "x");
  let sent = 0;
  const { client } = await start((_, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const send = (): void => {
      while (sent < whole.length) {
        const isTaken = response.write(whole.subarray(sent, (sent += 1 << 20)));
        if (!isTaken) {
          response.once("drain", send);
          return;
        }
      }
      response.end();
    };
    send();
  });
  const answer = await fetch(`${client.url}/v1/docs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: CALL,
  });
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  let got = (await reader.read()).value?.length ?? 0;
  let before = -1;
  // Nobody reads: what the server may send comes to a stop.
  await expect.poll(() => [before === sent, (before = sent)][0], { interval: 200 }).toBe(true);
  expect(sent).toBeLessThan(whole.length);
  for (let part = await reader.read(); !part.done; part = await reader.read()) got += part.value.length;
  expect(got).toBe(whole.length);
});

test("close lets a call finish, cuts standing streams, and answers nobody after that", async () => {
  const asked = Promise.withResolvers<() => void>();
  const { client } = await start(
    (request, response) => {
      if (request.method === "GET") response.writeHead(200, { "content-type": "text/event-stream" }).write(":\n\n");
      else asked.resolve(() => void response.end("late"));
    },
    { shutdownTimeout: 5_000 },
  );
  const standing = speak(client.url, { path: "/v1/docs" });
  const call = post(client.url, "/v1/docs", CALL);
  const finish = await asked.promise;
  const closed = client.close();
  finish();
  expect(await call).toMatchObject({ status: 200, body: "late" });
  await expect(standing).rejects.toThrow("aborted");
  await closed;
  await client.done;
  await expect(speak(client.url, { path: "/health" })).rejects.toThrow("ECONNREFUSED");
});

test("a slow or malformed request is refused, and the client lives on", async () => {
  const { client, backend } = await start(undefined, { readTimeout: 300 });
  const port = Number(new URL(client.url).port);
  expect(await speakRaw(port, "GARBAGE\r\n\r\n")).toMatch(
    /^HTTP\/1.1 400 [^]*this is not a well-formed HTTP request\n$/,
  );
  const slow = `POST /v1/docs HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{`;
  expect(await speakRaw(port, slow)).toMatch(/^HTTP\/1.1 408 [^]*the request did not arrive in time\n$/);
  for (const path of ["/v1/../health", "//v1/docs", "/v1/%2e%2e/docs", "/v1\\docs"]) {
    expect(await speak(client.url, { path })).toMatchObject({
      status: 400,
      body: "the request target is not a canonical path\n",
    });
  }
  expect(backend.seen).toEqual([]);
  expect((await post(client.url, "/v1/docs", CALL)).status).toBe(200);
});

test("a header that was told to pass does, its underscored twin does not", async () => {
  const { client, backend } = await start(undefined, { forwardHeaders: ["x-tenant"] });
  await post(client.url, "/v1/docs", CALL, { "x-tenant": "blue", x_tenant: "red", "x-other": "1" });
  expect(backend.seen[0]?.headers).toMatchObject({ "x-tenant": "blue" });
  expect(backend.seen[0]?.headers).not.toHaveProperty("x_tenant");
  expect(backend.seen[0]?.headers).not.toHaveProperty("x-other");
});
