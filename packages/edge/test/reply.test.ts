import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type Server } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";

import { refuse, silentLog } from "@smcp/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Desk } from "../src/desk.ts";
import { openListener, type Listener } from "../src/listener.ts";
import { Reply, type Ending } from "../src/reply.ts";

/** A server whose answers a test writes by hand, and a bare socket to it. */
let server: Server;
let sockets: Socket[];
let onReply: (reply: Reply) => void;

async function serve(desk: Desk): Promise<void> {
  server = createServer((incoming, outgoing) => onReply(new Reply(incoming, outgoing, desk, "id-1")));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}

/** Asks, and gathers what comes. */
function ask(path = "/"): { socket: Socket; text: () => string } {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  sockets.push(socket);
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  socket.on("error", () => undefined);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  return { socket, text: () => text };
}

beforeEach(() => {
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const STREAM = ["content-type", "text/event-stream"];
const bodyOf = (text: string): string => text.slice(text.indexOf("\r\n\r\n") + 4);

describe("an answer", () => {
  it("puts what is written in one turn into one chunk, and the next turn's into the next", async () => {
    await serve(new Desk(1_000));
    onReply = (reply) => {
      reply.start(200, [...STREAM], true);
      reply.write(Buffer.from("a"));
      reply.write(Buffer.from("b"));
      setImmediate(() => {
        reply.write(Buffer.from("c"));
        reply.end(Buffer.from("d"));
      });
    };
    const { text } = ask();
    await expect.poll(() => bodyOf(text())).toBe("2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n");
  });

  it("that is whole before its turn is over says its length, a stream too", async () => {
    await serve(new Desk(1_000));
    onReply = (reply) => {
      reply.start(200, [...STREAM], true);
      reply.write(Buffer.from("a"));
      reply.end(Buffer.from("b"));
    };
    const { text } = ask();
    await expect.poll(() => bodyOf(text())).toBe("ab");
    expect(text().toLowerCase()).toContain("\r\ncontent-length: 2\r\n");
    expect(text().toLowerCase()).not.toContain("transfer-encoding");
  });

  it("sends the headers of a stream though nothing follows", async () => {
    await serve(new Desk(1_000));
    onReply = (reply) => reply.start(200, [...STREAM], true);
    const { text } = ask();
    await expect.poll(text).toMatch(/^HTTP\/1\.1 200 OK\r\ncontent-type: text\/event-stream\r\nx-request-id: id-1\r\n/);
  });

  it("lets hooks change its head, once, and tells how it ended, once", async () => {
    await serve(new Desk(1_000));
    const endings: Ending[] = [];
    onReply = (reply) => {
      reply.onHead((head) => {
        head.status = 201;
        head.headers.push("x-more", "1");
      });
      reply.onClosed((ending) => endings.push(ending));
      reply.send(200, [], Buffer.from("four"));
      reply.send(500, [], Buffer.from("late"));
    };
    const { text } = ask();
    await expect.poll(text).toMatch(/^HTTP\/1\.1 201 Created\r\ncontent-length: 4\r\nx-more: 1\r\n[^]*\r\n\r\nfour$/);
    await expect.poll(() => endings).toEqual([{ status: 201, bytes: 4, complete: true }]);
  });

  it("that is under way is broken off by a refusal, not ended", async () => {
    await serve(new Desk(1_000));
    const ending = Promise.withResolvers<Ending>();
    onReply = (reply) => {
      reply.onClosed(ending.resolve);
      reply.start(200, [...STREAM], true);
      reply.write(Buffer.from("data: 1\n\n"));
      setImmediate(() => reply.refuse(refuse("BACKEND_FAILED", { server: "docs" })));
    };
    const { socket, text } = ask();
    await once(socket, "close");
    expect(bodyOf(text())).not.toContain("0\r\n\r\n");
    expect(await ending.promise).toEqual({ status: 200, bytes: 9, complete: false });
  });
});

describe("an event stream that is silent", () => {
  // The clock is turned by hand; the beat itself comes once a second.
  it("gets a comment at an event boundary, and none inside an event", async () => {
    let now = 0;
    await serve(new Desk(60_000, 15_000, { now: () => now, elapsed: () => now }));
    const replies: Reply[] = [];
    onReply = (reply) => {
      replies.push(reply);
      reply.start(200, [...STREAM], true);
      reply.write(Buffer.from(replies.length === 1 ? "data: 1\n\n" : "data: 2\n"));
    };
    const whole = ask();
    await expect.poll(() => bodyOf(whole.text())).toContain("data: 1");
    const half = ask();
    await expect.poll(() => bodyOf(half.text())).toContain("data: 2");
    now = 15_000;
    await expect.poll(() => bodyOf(whole.text()), { timeout: 5_000 }).toBe("9\r\ndata: 1\n\n\r\n3\r\n:\n\n\r\n");
    expect(bodyOf(half.text())).toBe("8\r\ndata: 2\n\r\n");
  });
});

describe("a reader that does not read", () => {
  it.each([
    ["while the answer is written", false],
    ["after the answer was ended", true],
  ])("is cut off %s", async (_, isEnded) => {
    let now = 0;
    await serve(new Desk(30_000, 15_000, { now: () => now, elapsed: () => now }));
    const ending = Promise.withResolvers<Ending>();
    const blocked = Promise.withResolvers<void>();
    const chunk = Buffer.alloc(16 << 20);
    onReply = (reply) => {
      reply.onClosed(ending.resolve);
      reply.start(200, []);
      if (isEnded) reply.end(chunk);
      else reply.write(chunk);
      setImmediate(blocked.resolve);
    };
    const { socket } = ask();
    socket.pause();
    await blocked.promise;
    now = 30_001;
    expect((await ending.promise).complete).toBe(false);
  });
});

describe("a listener that closes", () => {
  let listener: Listener;

  async function open(handle: (incoming: IncomingMessage, reply: Reply) => void): Promise<string> {
    await serve(new Desk(1_000));
    listener = await openListener({
      host: "127.0.0.1",
      port: 0,
      readTimeout: 5_000,
      writeTimeout: 5_000,
      log: silentLog,
      handle: (incoming, _, reply) => handle(incoming, reply),
    });
    return `http://127.0.0.1:${listener.port}`;
  }

  it("waits for answers under way, cuts streams that stay open by design, and takes nobody new", async () => {
    let busy: Reply | undefined;
    const url = await open((incoming, reply) => {
      if (incoming.url === "/stream") {
        reply.isStanding = true;
        reply.start(200, [...STREAM], true);
      } else busy = reply;
    });
    const stream = httpRequest(`${url}/stream`).end();
    const [streaming] = (await once(stream, "response")) as [IncomingMessage];
    streaming.on("error", () => undefined).resume();
    const call = httpRequest(`${url}/call`).end();
    const response = once(call, "response");
    await expect.poll(() => busy).toBeDefined();
    const closed = listener.close(5_000);
    busy?.send(200, [], Buffer.from("done"));
    const [answer] = (await response) as [IncomingMessage];
    expect([answer.statusCode, answer.headers["connection"]]).toEqual([200, "close"]);
    answer.resume();
    await closed;
    expect(streaming.complete).toBe(false);
    await expect(fetch(url)).rejects.toThrow();
  });

  it("cuts answers that take longer than the grace", async () => {
    const ending = Promise.withResolvers<Ending>();
    const url = await open((_, reply) => reply.onClosed(ending.resolve));
    const call = httpRequest(url)
      .on("error", () => undefined)
      .end();
    await once(call, "socket");
    await expect.poll(() => call.socket?.bytesWritten).toBeGreaterThan(0);
    await listener.close(10);
    expect(await Promise.race([ending.promise, Promise.resolve({ status: 0, bytes: 0, complete: false })])).toEqual({
      status: 0,
      bytes: 0,
      complete: false,
    });
  });
});
