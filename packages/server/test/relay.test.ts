import { request } from "undici";
import { describe, expect, it } from "vitest";

import { httpBackend, recordingBackend, startTestServer } from "@smcp/testing";

const call = (id: number | string = 1) =>
  JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "echo", arguments: { text: "é" } } });
const post = { method: "POST", headers: { "content-type": "application/json", accept: "application/json" } } as const;

describe("a request", () => {
  it("reaches the backend with the caller's own bytes", async () => {
    await using backend = await recordingBackend();
    await using server = await startTestServer({ backends: [httpBackend("docs", `${backend.url}/mcp`)] });
    const body =
      '{ "jsonrpc" : "2.0",\n "id":9007199254740993,"method":"x/y","params":{"n":-0,"big":1e400,"z":1,"a":"\\u00e9"} }';
    const answer = await request(`${server.url}/docs`, { ...post, body });
    expect(answer.statusCode).toBe(200);
    expect(backend.seen.map((one) => one.body)).toEqual([body]);
    expect(backend.seen[0]?.url).toBe("/mcp");
  });

  it.each([
    ["/mcp", true, "/docs", "/mcp"],
    ["/mcp", true, "/docs/", "/mcp"],
    ["/mcp", true, "/docs/messages/%C3%A9?a=1&b=%2F", "/mcp/messages/%C3%A9?a=1&b=%2F"],
    ["", true, "/docs", "/"],
    ["", true, "/docs/x", "/x"],
    ["/base/", true, "/docs", "/base/"],
    ["/base/", true, "/docs/x", "/base/x"],
    ["/mcp?key=1", true, "/docs?q=2", "/mcp?key=1&q=2"],
    ["/mcp?key=1", true, "/docs", "/mcp?key=1"],
    ["", false, "/docs/x", "/docs/x"],
    ["/mcp", false, "/docs", "/mcp/docs"],
  ])("to an upstream at %j with strip_path %s: %s is %s", async (at, stripPath, path, seen) => {
    await using backend = await recordingBackend();
    await using server = await startTestServer({
      backends: [httpBackend("docs", `${backend.url}${at}`, { stripPath })],
    });
    await request(`${server.url}${path}`, { ...post, body: call() });
    expect(backend.seen[0]?.url).toBe(seen);
  });

  it("H3: goes to the longest matching path, on segment boundaries, and nowhere else", async () => {
    await using one = await recordingBackend();
    await using two = await recordingBackend();
    await using server = await startTestServer({
      backends: [httpBackend("a", one.url), httpBackend("b", two.url, { path: "/a/b" })],
    });
    for (const path of ["/a/bc", "/a/b/c", "/ab"]) await request(`${server.url}${path}`, { ...post, body: call() });
    expect(one.seen.map(({ url }) => url)).toEqual(["/bc"]);
    expect(two.seen.map(({ url }) => url)).toEqual(["/c"]);
  });

  it("H10, H11, H12: carries the listed headers, ours, and nothing else", async () => {
    await using backend = await recordingBackend();
    await using server = await startTestServer({
      backends: [httpBackend("docs", backend.url, { model: "m-1", forwardHeaders: ["x-tenant", "x-team"] })],
    });
    await request(`${server.url}/docs`, {
      method: "POST",
      body: call(),
      headers: {
        ...post.headers,
        authorization: "Bearer secret",
        cookie: "a=b",
        "user-agent": "app/1",
        traceparent: "00-1",
        "mcp-protocol-version": "2025-06-18",
        "mcp-method": "tools/list",
        "mcp-name": "other",
        x_forwarded_user: "root",
        mcp_name: "x",
        "x-subject": "root",
        "x-request-id": "mine",
        "x-forwarded-for": "6.6.6.6",
        "x-proxy-backend": "other",
        "x-tenant": "t",
        referer: "http://x",
        connection: "x-tenant, keep-alive",
      },
    });
    const { host, "content-length": length, "x-request-id": id, ...headers } = backend.seen[0]?.headers ?? {};
    expect(headers).toEqual({
      accept: "application/json",
      "accept-encoding": "identity",
      connection: "keep-alive",
      "content-type": "application/json",
      "mcp-protocol-version": "2025-06-18",
      traceparent: "00-1",
      "user-agent": "app/1",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-host": new URL(server.url).host,
      "x-forwarded-proto": "http",
      "x-proxy-backend": "docs",
      "x-proxy-model": "m-1",
      "x-tenant": "t",
    });
    expect(host).toBe(new URL(backend.url).host);
    expect(length).toBe(String(Buffer.byteLength(call())));
    expect(id).not.toBe("mine");
  });

  it("is cancelled at the backend when its caller leaves", async () => {
    await using backend = await recordingBackend(() => undefined);
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const leaving = new AbortController();
    const pending = request(`${server.url}/docs`, { ...post, body: call(), signal: leaving.signal });
    const failed = expect(pending).rejects.toThrow();
    await expect.poll(() => backend.seen.length).toBe(1);
    leaving.abort();
    await failed;
    expect((await backend.nextAbort()).body).toBe(call());
  });
});

describe("an answer", () => {
  it("H23: comes back byte for byte, with the listed headers only", async () => {
    const body = '{"jsonrpc":"2.0","id":1,"result":{ "x":12345678901234567890 }}';
    await using backend = await recordingBackend((_, response) => {
      response.writeHead(200, {
        "content-type": "application/json; charset=utf-8",
        "mcp-session-id": "s-1",
        "cache-control": "no-store",
        "set-cookie": "a=b",
        "access-control-allow-origin": "*",
        "www-authenticate": "Bearer",
        "x-secret": "1",
        server: "backend",
      });
      response.end(body);
    });
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const answer = await request(`${server.url}/docs`, { ...post, body: call() });
    expect(await answer.body.text()).toBe(body);
    const {
      date,
      "x-request-id": id,
      "content-length": length,
      connection,
      "keep-alive": keep,
      ...headers
    } = answer.headers;
    expect(headers).toEqual({
      "content-type": "application/json; charset=utf-8",
      "mcp-session-id": "s-1",
      "cache-control": "no-store",
      ...(headers["transfer-encoding"] && { "transfer-encoding": "chunked" }),
    });
    expect([date, id, connection, keep].every((one) => typeof one === "string")).toBe(true);
    expect(length ?? String(body.length)).toBe(String(body.length));
  });

  it.each([400, 404, 405, 406, 409, 429, 500])("of status %i passes untouched: eras are told by it", async (status) => {
    await using backend = await recordingBackend((_, response) => {
      response.writeHead(status, { allow: "POST", "retry-after": "3" }).end("odd body");
    });
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const answer = await request(`${server.url}/docs`, { ...post, body: call() });
    expect([
      answer.statusCode,
      await answer.body.text(),
      answer.headers["allow"],
      answer.headers["retry-after"],
    ]).toEqual([status, "odd body", "POST", "3"]);
  });

  it.each([
    [401, 50202, `the backend "docs" refused the gateway's credential`],
    [403, 50202, `the backend "docs" refused the gateway's credential`],
    [302, 50201, 'the backend "docs" failed'],
    [307, 50201, 'the backend "docs" failed'],
  ])("H22, H24: of status %i becomes a gateway error", async (status, code, message) => {
    await using elsewhere = await recordingBackend();
    await using backend = await recordingBackend((_, response) => {
      response.writeHead(status, { location: elsewhere.url, "www-authenticate": "Bearer x" }).end();
    });
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const answer = await request(`${server.url}/docs`, { ...post, body: call('a"b') });
    expect(answer.statusCode).toBe(502);
    expect(answer.headers["www-authenticate"]).toBeUndefined();
    expect(await answer.body.json()).toEqual({
      jsonrpc: "2.0",
      id: 'a"b',
      error: { code, message, data: { request_id: answer.headers["x-request-id"] } },
    });
    expect(elsewhere.seen).toEqual([]);
  });

  it("that is compressed unasked is refused", async () => {
    await using backend = await recordingBackend((_, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end("x");
    });
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    expect((await request(`${server.url}/docs`, { ...post, body: call() })).statusCode).toBe(502);
  });

  it("that does not come in time is 504, and the backend is told to stop", async () => {
    await using backend = await recordingBackend(() => undefined);
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url, { timeout: 50 })] });
    const answer = await request(`${server.url}/docs`, { ...post, body: call() });
    expect(answer.statusCode).toBe(504);
    expect(await answer.body.json()).toMatchObject({
      id: 1,
      error: { code: 50401, message: 'the backend "docs" did not answer within 50ms' },
    });
    await backend.nextAbort();
  });

  it("of a backend that is not there is 502", async () => {
    const backend = await recordingBackend();
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    await backend[Symbol.asyncDispose]();
    const answer = await request(`${server.url}/docs`, { ...post, body: call() });
    expect(answer.statusCode).toBe(502);
    expect(await answer.body.json()).toMatchObject({
      id: 1,
      error: { code: 50201, message: 'the backend "docs" failed' },
    });
    expect((await request(`${server.url}/health`)).statusCode).toBe(200);
  });

  it("that breaks off is broken off, never ended as if it were whole", async () => {
    await using backend = await recordingBackend((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: 1\n\n", () => response.destroy());
    });
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const answer = await request(`${server.url}/docs`, { ...post, body: call() });
    await expect(answer.body.text()).rejects.toThrow();
  });
});

describe("an event stream", () => {
  it("is not held back: headers and each event come as they are sent", async () => {
    let send: ((text: string) => void) | undefined;
    await using backend = await recordingBackend((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      send = (text) => response.write(text);
    });
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const leaving = new AbortController();
    const answer = await request(`${server.url}/docs`, {
      headers: { accept: "text/event-stream" },
      signal: leaving.signal,
    });
    const events = (answer.body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    for (const text of ["data: 1\n\n", "data: 2\n\n"]) {
      send?.(text);
      expect((await events.next()).value?.toString()).toBe(text);
    }
    leaving.abort();
    await backend.nextAbort();
  });

  it("of any size arrives whole, however slow its reader", async () => {
    const chunk = Buffer.alloc(1 << 20, "x");
    await using backend = await recordingBackend(async (_, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      for (let i = 0; i < 32; i++) {
        if (!response.write(chunk)) await new Promise((resolve) => response.once("drain", resolve));
      }
      response.end();
    });
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const answer = await request(`${server.url}/docs`, { ...post, body: call() });
    let size = 0;
    for await (const one of answer.body as AsyncIterable<Buffer>) {
      size += one.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(size).toBe(32 << 20);
  });
});

it("bounds the streams that are open at once, and counts them down again", async () => {
  await using backend = await recordingBackend((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  });
  await using server = await startTestServer({
    backends: [httpBackend("docs", backend.url)],
    server: { maxStreams: 2 },
  });
  const open = async () => {
    const leaving = new AbortController();
    const { statusCode, body, headers } = await request(`${server.url}/docs`, { signal: leaving.signal });
    body.on("error", () => undefined);
    return { statusCode, body, retry: headers["retry-after"], leave: () => leaving.abort() };
  };
  const first = await open();
  await open();
  const third = await open();
  expect([third.statusCode, third.retry, await third.body.json()]).toMatchObject([
    429,
    "5",
    { error: { code: 42901, message: "too many open streams" } },
  ]);
  first.leave();
  await expect.poll(async () => (await open()).statusCode).toBe(200);
});

describe("the log has one line for each request", () => {
  it("that says what was asked of whom, what came of it and how long it took", async () => {
    await using backend = await recordingBackend();
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    await (await request(`${server.url}/docs`, { ...post, body: call() })).body.dump();
    await expect.poll(() => server.lines).toHaveLength(1);
    const [line] = server.lines;
    expect(line?.message).toMatch(/^tools\/call echo at docs: 200 in \d+ ms$/);
    expect(line?.level).toBe("info");
    expect(line?.fields).toMatchObject({
      address: "127.0.0.1",
      http: "POST /docs",
      server: "docs",
      method: "tools/call",
      name: "echo",
      status: 200,
      request_id: backend.seen[0]?.headers["x-request-id"],
    });
  });

  it("and takes over the id that a client gives it, where it is one", async () => {
    await using backend = await recordingBackend();
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const id = "11111111-2222-4333-8444-555555555555";
    const answer = await request(`${server.url}/docs`, {
      ...post,
      body: call(),
      headers: { ...post.headers, "x-request-id": id },
    });
    expect([answer.headers["x-request-id"], backend.seen[0]?.headers["x-request-id"]]).toEqual([id, id]);
    const forged = { ...post.headers, "x-request-id": 'x", "admin": "yes' };
    expect(
      (await request(`${server.url}/docs`, { ...post, body: call(), headers: forged })).headers["x-request-id"],
    ).toMatch(/^[0-9a-f-]{36}$/);
  });
});
