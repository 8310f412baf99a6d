import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

import { request } from "undici";
import { describe, expect, it } from "vitest";

import { httpBackend, recordingBackend, sendRaw, signingIssuer, startTestServer, trust } from "@smcp/testing";

const head = (line: string, ...headers: string[]) => `${[line, "Host: localhost", ...headers].join("\n")}\n\n`;
const POST = "POST /docs HTTP/1.1";
const JSON_TYPE = "Content-Type: application/json";

/** What the other end does with a connection, which is kept open from here. */
function opened(url: string, text: string) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let got = "";
  socket.on("data", (chunk: Buffer) => (got += chunk.toString("latin1")));
  socket.on("error", () => undefined);
  socket.on("connect", () => socket.write(text.replaceAll("\n", "\r\n")));
  const closed = new Promise<string>((resolve) => socket.on("close", () => resolve(got)));
  return { socket, closed };
}

it("H15: a stranger that asks whether to send its body is refused at once, and no body is asked for", async () => {
  await using issuer = await signingIssuer();
  await using backend = await recordingBackend();
  await using server = await startTestServer({
    backends: [httpBackend("docs", backend.url)],
    issuers: [trust(issuer.issuer)],
  });
  await expect.poll(async () => (await request(`${server.url}/readyz`)).statusCode).toBe(200);
  const forged = `${(await issuer.token()).split(".").slice(0, 2).join(".")}.AAAA`;
  for (const authorization of ["X-Nothing: 1", `Authorization: Bearer ${forged}`]) {
    const text = head(POST, JSON_TYPE, "Content-Length: 40", "Expect: 100-continue", authorization);
    const answer = await opened(server.url, text).closed;
    expect(answer.match(/^HTTP\/1\.1 .+$/gm)).toEqual(["HTTP/1.1 401 Unauthorized"]);
  }
  expect(backend.seen).toEqual([]);
});

describe("H16: a body of more than 4 MiB, the default", () => {
  it("is refused by the length that is announced, before a byte of it, and the connection closed", async () => {
    await using backend = await recordingBackend();
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const { closed } = opened(server.url, head(POST, JSON_TYPE, `Content-Length: ${5 << 20}`));
    const answer = await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toMatch(/"message":"the body is larger than 4MiB"/);
    expect(backend.seen).toEqual([]);
  });

  it("is refused at the limit when it comes in chunks without end, and the connection closed", async () => {
    await using backend = await recordingBackend();
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const { socket, closed } = opened(server.url, head(POST, JSON_TYPE, "Transfer-Encoding: chunked"));
    const chunk = `10000\r\n${"x".repeat(0x1_00_00)}\r\n`;
    let sent = 0;
    const more = (): void => {
      while (!socket.destroyed) {
        sent += 0x1_00_00;
        if (!socket.write(chunk)) return;
      }
    };
    socket.on("drain", more);
    socket.on("connect", more);
    const answer = await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toMatch(/"message":"the body is larger than 4MiB"/);
    expect(sent).toBeGreaterThan(4 << 20);
    expect(backend.seen).toEqual([]);
    expect((await request(`${server.url}/health`)).statusCode).toBe(200);
  });
});

/** Sends the text a byte at a time for as long as the other end takes it. */
function drip(socket: Socket, text: string): void {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || !socket.writable) clearInterval(timer);
    else socket.write(text[at++ % text.length] ?? "x");
  }, 200);
}

it("H18: 500 slow connections are ended by their limits, and others are served meanwhile", async () => {
  const huge = Buffer.alloc(32 << 20, "x");
  await using big = await recordingBackend((_, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(huge);
  });
  await using backend = await recordingBackend();
  await using server = await startTestServer({
    backends: [httpBackend("docs", backend.url), httpBackend("big", big.url)],
    server: { readTimeout: 2_000, writeTimeout: 2_000 },
  });
  const ends: Promise<string>[] = [];
  for (let n = 0; n < 240; n++) {
    const { socket, closed } = opened(server.url, "POST /docs HTTP/1.1\nHost: localhost\nX-Slow: ");
    drip(socket, "x");
    ends.push(closed);
  }
  for (let n = 0; n < 240; n++) {
    const { socket, closed } = opened(server.url, head(POST, JSON_TYPE, "Content-Length: 1000"));
    drip(socket, " ");
    ends.push(closed);
  }
  const unread = Array.from({ length: 20 }, () => {
    const { socket, closed } = opened(server.url, head("GET /big HTTP/1.1"));
    socket.pause();
    return { socket, closed };
  });
  const slow = { areGone: false };
  const allEnded = Promise.all(ends).finally(() => (slow.areGone = true));
  const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  let served = 0;
  while (!slow.areGone) {
    const headers = { "content-type": "application/json" };
    const answer = await request(`${server.url}/docs`, { method: "POST", headers, body });
    await answer.body.dump();
    expect(answer.statusCode).toBe(200);
    served++;
    await wait(20);
  }
  expect(served).toBeGreaterThan(10);
  for (const answer of await allEnded) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(backend.seen).toHaveLength(served);

  await expect.poll(() => big.aborted.length, { timeout: 10_000 }).toBe(20);
  for (const { socket, closed } of unread) {
    socket.resume();
    // Broken off, not ended: what came is less than what was announced.
    expect((await closed).length).toBeLessThan(huge.length);
  }
  expect((await sendRaw(server.url, head("GET /health HTTP/1.1"))).status).toBe(200);
}, 60_000);

it("H18: a caller that asks and asks and never reads is cut off, also where the server itself answers", async () => {
  const docs = httpBackend("docs", "http://127.0.0.1:1", { model: "m".repeat(1 << 20) });
  await using server = await startTestServer({ backends: [docs], server: { writeTimeout: 500 } });
  const { socket } = opened(server.url, head("GET /api/models HTTP/1.1").repeat(100));
  socket.pause();
  // Who does not read learns of the end by writing. Whole requests: half of one has a limit of its own.
  const isCut = (): boolean => {
    if (!socket.destroyed) socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return socket.destroyed;
  };
  await expect.poll(isCut, { interval: 100, timeout: 5_000 }).toBe(true);
  expect((await request(`${server.url}/health`)).statusCode).toBe(200);
});
