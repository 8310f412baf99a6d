import { Failure, silentLog } from "@smcp/core";
import { expect, onTestFinished, test } from "vitest";

import { startClient, type Client } from "../src/index.ts";
import { startBackend, type Backend } from "./backend.ts";
import { settingsFor, type Changes } from "./settings.ts";
import { post, speak, speakRaw, type Spoken } from "./speak.ts";

async function start(changes: Changes = {}): Promise<{ client: Client; backend: Backend; port: string }> {
  const backend = await startBackend();
  const client = await startClient(settingsFor(backend.url, changes), silentLog);
  onTestFinished(async () => {
    await client.close();
    await backend[Symbol.asyncDispose]();
  });
  return { client, backend, port: new URL(client.url).port };
}

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const HOST_REFUSED = "this Host is not served here\n";
const ORIGIN_REFUSED = "requests from this Origin are not accepted\n";

function expectNoCors(answer: Spoken): void {
  expect(Object.keys(answer.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
  expect(answer.headers["www-authenticate"]).toBeUndefined();
}

test("L1: a foreign Host is 403 and the server sees nothing", async () => {
  const { client, backend, port } = await start();
  const other = String(Number(port) + 1);
  const hosts = [
    `evil.example:${port}`,
    "evil.example",
    `127.0.0.1:${other}`,
    "localhost",
    `localhost.:${port}`,
    `localhost.evil.example:${port}`,
    `127.0.0.1.nip.io:${port}`,
    `127.0.0.2:${port}`,
    `0.0.0.0:${port}`,
    `evil@localhost:${port}`,
    `[::2]:${port}`,
    "",
  ];
  for (const host of hosts) {
    const answer = await post(client.url, "/v1/docs", PING, { host, origin: `http://${host}` });
    expect({ host, ...answer }).toMatchObject({ host, status: 403, body: HOST_REFUSED });
    expectNoCors(answer);
  }
  expect(await speakRaw(Number(port), "GET /v1/docs HTTP/1.1\r\nconnection: close\r\n\r\n")).toMatch(/^HTTP\/1.1 403 /);
  const twice = `GET /v1/docs HTTP/1.1\r\nhost: localhost:${port}\r\nhost: evil.example\r\nconnection: close\r\n\r\n`;
  expect(await speakRaw(Number(port), twice)).toMatch(/^HTTP\/1.1 403 /);
  const absolute = `GET http://evil.example/v1/docs HTTP/1.1\r\nhost: localhost:${port}\r\nconnection: close\r\n\r\n`;
  expect(await speakRaw(Number(port), absolute)).toMatch(/^HTTP\/1.1 400 /);
  expect(backend.seen).toEqual([]);
});

test("every name of this machine with our port is served, on both families", async () => {
  const { client, backend, port } = await start();
  for (const name of ["127.0.0.1", "localhost", "[::1]", "LocalHost"]) {
    expect(await post(client.url, "/v1/docs", PING, { host: `${name}:${port}` })).toMatchObject({
      status: 200,
      body: PING,
    });
  }
  expect(await post(`http://[::1]:${port}`, "/v1/docs", PING)).toMatchObject({ status: 200, body: PING });
  expect(backend.seen).toHaveLength(5);
});

test("--allow-host adds a name, with our port or the one that it names", async () => {
  const { client, port } = await start({ allowHosts: ["host.docker.internal", "box.example:9000"] });
  const statusOf = async (host: string): Promise<number> => (await post(client.url, "/v1/docs", PING, { host })).status;
  expect(await statusOf(`host.docker.internal:${port}`)).toBe(200);
  expect(await statusOf("host.docker.internal")).toBe(200);
  expect(await statusOf("host.docker.internal:1")).toBe(403);
  expect(await statusOf("box.example:9000")).toBe(200);
  expect(await statusOf(`box.example:${port}`)).toBe(403);
});

test("L2: what a foreign page can send is refused without CORS headers, and the server sees nothing", async () => {
  const { client, backend } = await start();
  for (const origin of ["https://evil.example", "null", "http://localhost:3000", client.url, "*"]) {
    const answers = [
      await post(client.url, "/v1/docs", PING, { origin }),
      await speak(client.url, { path: "/v1/docs", headers: { origin, accept: "text/event-stream" } }),
      await speak(client.url, { path: "/health", headers: { origin } }),
    ];
    for (const answer of answers) {
      expect({ origin, ...answer }).toMatchObject({ origin, status: 403, body: ORIGIN_REFUSED });
      expectNoCors(answer);
    }
  }
  for (const site of ["cross-site", "same-site", "x"]) {
    const headers = { "sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" };
    const answer = await speak(client.url, { path: "/v1/docs", headers });
    expect({ site, ...answer }).toMatchObject({ site, status: 403, body: ORIGIN_REFUSED });
    expectNoCors(answer);
  }
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]) {
    const headers = type === "" ? {} : { "content-type": type };
    const answer = await speak(client.url, { path: "/v1/docs", body: PING, headers });
    const body = `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the body must be application/json","data":{"request_id":"${String(answer.headers["x-request-id"])}"}}}`;
    expect({ type, ...answer }).toMatchObject({ type, status: 415, body });
    expectNoCors(answer);
  }
  expect(backend.seen).toEqual([]);
});

test("a program of this machine may say where it fetches from, and its mode and destination are not looked at", async () => {
  const { client } = await start();
  for (const site of ["none", "same-origin"]) {
    const headers = { "sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" };
    expect((await post(client.url, "/v1/docs", PING, headers)).status).toBe(200);
  }
});

test("--allow-origin lets an origin in, still without CORS headers", async () => {
  const { client } = await start({ allowOrigins: ["http://localhost:6274"] });
  const headers = { origin: "http://localhost:6274", "sec-fetch-site": "same-site" };
  const answer = await post(client.url, "/v1/docs", PING, headers);
  expect(answer.status).toBe(200);
  expectNoCors(answer);
  expect((await post(client.url, "/v1/docs", PING, { origin: "http://localhost:62740" })).status).toBe(403);
});

test("L3: a preflight is 403 without allow headers", async () => {
  const { client, backend } = await start();
  const answer = await speak(client.url, {
    method: "OPTIONS",
    path: "/v1/docs",
    headers: {
      origin: "https://evil.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type",
      "access-control-request-private-network": "true",
    },
  });
  expect(answer).toMatchObject({ status: 403, body: ORIGIN_REFUSED });
  expect(answer.headers["allow"]).toBeUndefined();
  expectNoCors(answer);
  expect(backend.seen).toEqual([]);
});

test("health, metrics and the well-known paths are answered here", async () => {
  const { client, backend } = await start({ metrics: { enabled: true, path: "/numbers" } });
  expect(await speak(client.url, { path: "/health" })).toMatchObject({ status: 200, body: "OK" });
  for (const path of [
    "/.well-known/oauth-protected-resource/v1/docs",
    "/.well-known/openid-configuration",
    "/.well-known",
  ]) {
    const answer = await speak(client.url, { path });
    expect(answer).toMatchObject({ status: 404, body: "no backend is configured for this path\n" });
  }
  expect(backend.seen).toEqual([]);
  await post(client.url, "/v1/docs", PING);
  const metrics = await speak(client.url, { path: "/numbers" });
  expect(metrics.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(metrics.body).toContain(
    '\nsmcp_client_requests_total{outcome="local"} 1\nsmcp_client_requests_total{outcome="ROUTE_UNKNOWN"} 3\nsmcp_client_requests_total{outcome="relayed"} 1\n',
  );
  expect(metrics.body).toContain('\nmcp_client_operation_duration_seconds_bucket{le="+Inf"} 4\n');
  expect(metrics.body).toContain('\nsmcp_client_token_refreshes_total{result="ok"} 0\n');
});

test("without metrics their path is the server's", async () => {
  const { client, backend } = await start({ metrics: { enabled: false, path: "/metrics" } });
  await speak(client.url, { path: "/metrics" });
  expect(backend.seen).toMatchObject([{ method: "GET", url: "/metrics" }]);
});

test("a taken port is an error that names the address", async () => {
  const { client, port } = await start();
  const second = startClient(settingsFor("http://127.0.0.1:1", { port: Number(port) }), silentLog);
  const failure = await second.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(Failure);
  expect(failure).toMatchObject({
    message: `the address 127.0.0.1:${port} is taken by another program`,
    hint: "stop that program, or choose another port with --port or server.port",
    exitCode: 1,
  });
  expect(await speak(client.url, { path: "/health" })).toMatchObject({ status: 200 });
});

test("another address than this machine's own is refused without a secret", async () => {
  for (const host of ["0.0.0.0", "::", "192.0.2.1", "example.com"]) {
    await expect(startClient(settingsFor("http://127.0.0.1:1", { host }), silentLog)).rejects.toMatchObject({
      message: `the client does not listen on "${host}": whoever reaches it speaks in your name`,
      exitCode: 2,
    });
  }
});
