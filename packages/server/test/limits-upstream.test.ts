import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

import { request } from "undici";
import { describe, expect, it } from "vitest";

import { httpBackend, recordingBackend, startTestServer } from "@smcp/testing";

const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
const post = { method: "POST", headers: { "content-type": "application/json" }, body } as const;
const JSON_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

interface RawBackend extends AsyncDisposable {
  readonly url: string;
  readonly connections: readonly Socket[];
}

/** A backend that answers by hand, as soon as a request has come. */
async function rawBackend(answer: (socket: Socket) => void): Promise<RawBackend> {
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on("error", () => undefined);
    socket.once("data", () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections,
    async [Symbol.asyncDispose]() {
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Writes for as long as the other end takes it, and no faster. */
function flood(socket: Socket, next: () => string): void {
  const more = (): void => {
    while (!socket.destroyed && socket.writable) if (!socket.write(next())) return;
  };
  socket.on("drain", more);
  more();
}

const FAILED = { code: 50201, message: 'the backend "docs" failed' };

describe("H20, H21: a backend that answers with", () => {
  it.each<[string, (socket: Socket) => void]>([
    [
      "headers without end",
      (socket) => flood(socket, () => (socket.bytesWritten ? "x: y\r\n".repeat(100) : JSON_HEAD)),
    ],
    [
      "one header without end",
      (socket) => flood(socket, () => (socket.bytesWritten ? "y".repeat(500) : `${JSON_HEAD}x: `)),
    ],
    ["headers of 65 KiB", (socket) => socket.write(`${JSON_HEAD}x: ${"y".repeat(65 << 10)}\r\n\r\n`)],
    ["something that is not HTTP", (socket) => socket.write("hello there\r\n\r\n")],
    ["two lengths", (socket) => socket.write(`${JSON_HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`)],
    [
      "a length and chunks",
      (socket) => socket.write(`${JSON_HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n`),
    ],
    [
      "a status line without end",
      (socket) => flood(socket, () => (socket.bytesWritten ? "OK".repeat(500) : "HTTP/1.1 200 ")),
    ],
    ["100, which nobody waits for", (socket) => socket.write("HTTP/1.1 100 Continue\r\n\r\n")],
    ["101, which nobody asked for", (socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n")],
  ])("%s is cut off: 502", async (_, answer) => {
    await using backend = await rawBackend(answer);
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url, { timeout: 15_000 })] });
    const refused = await request(`${server.url}/docs`, post);
    const error = { ...FAILED, data: { request_id: refused.headers["x-request-id"] } };
    expect([refused.statusCode, await refused.body.json()]).toEqual([502, { jsonrpc: "2.0", id: 1, error }]);
    await expect.poll(() => backend.connections.every((socket) => socket.destroyed || socket.readableEnded)).toBe(true);
    expect((await request(`${server.url}/health`)).statusCode).toBe(200);
  });

  it.each(["gzip", "gzip, gzip, gzip, gzip, gzip, gzip", "br", "zstd"])(
    "%s is refused without a look into it: 502",
    async (encoding) => {
      await using backend = await rawBackend((socket) =>
        flood(socket, () =>
          socket.bytesWritten ? "\0".repeat(1024) : `${JSON_HEAD}content-encoding: ${encoding}\r\n\r\n`,
        ),
      );
      await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
      const refused = await request(`${server.url}/docs`, post);
      expect([refused.statusCode, await refused.body.json()]).toMatchObject([502, { id: 1, error: FAILED }]);
      await expect.poll(() => backend.connections.every((socket) => socket.destroyed)).toBe(true);
    },
  );

  it("a hundred early hints first has only its answer passed on", async () => {
    const hint = "HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\nmcp-session-id: early\r\n\r\n";
    await using backend = await rawBackend((socket) => {
      socket.write(`${hint.repeat(100)}${JSON_HEAD}content-length: 2\r\n\r\n{}`);
    });
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const answer = await request(`${server.url}/docs`, post);
    expect([answer.statusCode, await answer.body.text()]).toEqual([200, "{}"]);
    expect([answer.headers["link"], answer.headers["mcp-session-id"]]).toEqual([undefined, undefined]);
  });

  it.each([
    ["early hints", "HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n"],
    ["nothing", "", ""],
  ])("%s for ever is given up at its time-out: 504", async (_, first, next) => {
    await using backend = await rawBackend((socket) => {
      if (next) flood(socket, () => (socket.bytesWritten ? next : first));
    });
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url, { timeout: 300 })] });
    const refused = await request(`${server.url}/docs`, post);
    expect([refused.statusCode, await refused.body.json()]).toMatchObject([
      504,
      { id: 1, error: { code: 50401, message: 'the backend "docs" did not answer within 300ms' } },
    ]);
    await expect.poll(() => backend.connections.every((socket) => socket.destroyed || socket.readableEnded)).toBe(true);
  });

  it("more than it announced has only what it announced passed on, and less is broken off", async () => {
    await using more = await rawBackend((socket) => socket.write(`${JSON_HEAD}content-length: 2\r\n\r\n{}{"more":1}`));
    await using less = await rawBackend((socket) => socket.end(`${JSON_HEAD}content-length: 20\r\n\r\n{}`));
    await using server = await startTestServer({
      backends: [httpBackend("more", more.url), httpBackend("less", less.url)],
    });
    expect(await (await request(`${server.url}/more`, post)).body.text()).toBe("{}");
    await expect((await request(`${server.url}/less`, post)).body.text()).rejects.toThrow();
  });
});

describe("H20: an answer without end", () => {
  it.each([
    ["as events", "text/event-stream", `data: ${"x".repeat(1_000)}\n\n`],
    ["as one line", "application/json", "x".repeat(1_000)],
  ])("%s is passed on for as long as its caller reads, and stopped while it does not", async (_, type, piece) => {
    let written = 0;
    await using backend = await recordingBackend((_seen, response) => {
      response.writeHead(200, { "content-type": type });
      const more = (): void => {
        do written += piece.length;
        while (response.write(piece));
      };
      response.on("drain", more);
      more();
    });
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const leaving = new AbortController();
    const { body: stream } = await request(`${server.url}/docs`, { ...post, signal: leaving.signal });
    let got = 0;
    stream.on("error", () => undefined);
    stream.on("data", (chunk: Buffer) => (got += chunk.length));
    await expect.poll(() => got, { timeout: 10_000 }).toBeGreaterThan(32 << 20);
    stream.pause();
    // What the buffers of the way hold, and nothing more: it stands still.
    let before = -1;
    await expect
      .poll(() => [before, (before = written)], { interval: 200 })
      .toSatisfy(([then, now]: number[]) => then === now);
    expect(written - got).toBeLessThan(32 << 20);
    const stood = got;
    stream.resume();
    await expect.poll(() => got, { timeout: 10_000 }).toBeGreaterThan(stood + (32 << 20));
    leaving.abort();
    await backend.nextAbort();
  });
});
