import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

import { afterEach, describe, expect, it } from "vitest";

import { UpstreamPool } from "../src/upstream/pool.ts";
import type { Receiver } from "../src/upstream/connection.ts";

interface Answer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: string;
  /** What became of it: `undefined` while it is under way. */
  end: string | undefined;
}

let servers: Server[] = [];
let pools: UpstreamPool[] = [];
afterEach(async () => {
  for (const pool of pools) pool.destroy();
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  [servers, pools] = [[], []];
});

/** An upstream on bare sockets: `answer` writes what it likes for each request. */
async function upstream(answer: (socket: Socket, count: number) => void) {
  const sockets: Socket[] = [];
  let count = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.push(socket);
    let text = "";
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        requests.push(text.slice(0, end + 4));
        text = text.slice(end + 4);
        answer(socket, ++count);
      }
    });
  });
  const requests: string[] = [];
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push(server);
  const pool = new UpstreamPool(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 2_000);
  pools.push(pool);
  return { sockets, requests, pool };
}

function receiver(): { readonly got: Answer; readonly to: Receiver } {
  const got: Answer = { status: 0, headers: {}, body: "", end: undefined };
  return {
    got,
    to: {
      onHead: (status, headers) => void Object.assign(got, { status, headers }),
      onData: (piece) => void (got.body += piece.toString("latin1")),
      onEnd: () => void (got.end = "whole"),
      onFailed: (error) => void (got.end = error.message),
    },
  };
}

const GET = { method: "GET", path: "/x?y", headers: ["accept", "*/*"], body: null } as const;

async function ask(pool: UpstreamPool): Promise<Answer> {
  const { got, to } = receiver();
  pool.send(GET, to);
  await expect.poll(() => got.end, { timeout: 10_000 }).toBeDefined();
  return got;
}

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const wholeAnswers: [string, string, string][] = [
  ["with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"],
  ["in chunks", `${CHUNKED}3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\n\r\n`, "hello"],
  ["in chunks with trailers", `${CHUNKED}5\r\nhello\r\n0\r\nx: y\r\nauthorization: z\r\n\r\n`, "hello"],
  ["without a body", "HTTP/1.1 204 No Content\r\n\r\n", ""],
  [
    "after hints",
    "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "hello",
  ],
];

describe("an answer", () => {
  it.each(wholeAnswers)(
    "%s is read at any boundary of the reads, and its connection is used again",
    async (_, text, body) => {
      for (const size of [1, 2, 7, text.length]) {
        const { pool, sockets } = await upstream((socket) => {
          const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
          const next = (): void =>
            void (pieces.length > 0 && socket.write(pieces.shift() as string, () => setImmediate(next)));
          next();
        });
        for (let i = 0; i < 2; i++) expect(await ask(pool)).toMatchObject({ body, end: "whole" });
        expect(sockets.length).toBe(1);
      }
    },
  );

  it("that ends with its connection is whole when the connection ends in order", async () => {
    const { pool, sockets } = await upstream((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nhello"));
    for (let i = 0; i < 2; i++) expect(await ask(pool)).toMatchObject({ status: 200, body: "hello", end: "whole" });
    expect(sockets.length).toBe(2);
  });

  it("has its headers by lower-case name, repeated ones as a list, and none of the object's own", async () => {
    const head = "HTTP/1.1 200 OK\r\nX-A: 1 \r\nx-a:2\r\n__proto__: x\r\nconstructor: y\r\nContent-Length: 0\r\n\r\n";
    const { pool } = await upstream((socket) => socket.write(head));
    const { headers } = await ask(pool);
    expect(headers).toEqual({ "x-a": ["1", "2"], constructor: "y", "content-length": "0" });
  });

  it.each([
    ["is cut short of its length", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello"],
    ["is cut inside a chunk", `${CHUNKED}9\r\nhello`],
    ["is cut before the last chunk", `${CHUNKED}5\r\nhello\r\n`],
    ["is cut inside its head", "HTTP/1.1 200 OK\r\ncontent-le"],
  ])("that %s is not whole", async (_, text) => {
    const { pool } = await upstream((socket) => socket.end(text));
    const { end } = await ask(pool);
    expect(end).toBe("the other end closed the connection before the answer was whole");
  });

  it.each([
    ["HTTP/2 200\r\n\r\n", "its head is malformed"],
    ["HTTP/1.1 200 OK\nx: y\n\r\n\r\n", "its head is malformed"],
    ["HTTP/1.1 200 OK\r\nx : y\r\n\r\n", "its head is malformed"],
    ["HTTP/1.1 200 OK\r\nx: y\r\n folded\r\n\r\n", "its head is malformed"],
    ["HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n", "its head is malformed"],
    ["HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello", "its length is malformed"],
    ["HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello", "its length is malformed"],
    [
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
      "it has a length and a transfer coding",
    ],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n", "its transfer coding is unknown"],
    ["HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "its transfer coding is unknown"],
    [`${CHUNKED}5\nhello\r\n0\r\n\r\n`, "its body's chunks are malformed"],
    [`${CHUNKED} 5\r\nhello\r\n0\r\n\r\n`, "its body's chunks are malformed"],
    [`${CHUNKED}0x5\r\nhello\r\n0\r\n\r\n`, "its body's chunks are malformed"],
    [`${CHUNKED}5\r\nhelloX\r\n0\r\n\r\n`, "its body's chunks are malformed"],
    [`${CHUNKED}fffffffffffff\r\n`, "its body's chunks are malformed"],
    [`${CHUNKED}1;${"x".repeat(20_000)}\r\n`, "its body's chunks are malformed"],
    ["HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", "it answered 101, which nobody asked for"],
    [`HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}\r\n\r\n`, "its head is too large"],
    [`HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(201)}\r\n`, "it has too many headers"],
  ])("that begins with %j is refused, and its connection ended", async (text, reason) => {
    const { pool, sockets } = await upstream((socket) => socket.write(text));
    const { end } = await ask(pool);
    expect(end).toBe(reason);
    await expect.poll(() => sockets.every((socket) => socket.destroyed || socket.readableEnded)).toBe(true);
  });
});

describe("a connection is not used again", () => {
  it.each([
    ["when the answer says that it closes", "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\ncontent-length: 0\r\n\r\n"],
    ["when the answer is of HTTP/1.0", "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n"],
    ["when it is not kept long enough", "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 0\r\n\r\n"],
    ["when more came than the answer", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil"],
  ])("%s", async (_, text) => {
    const { pool, sockets } = await upstream((socket) => socket.write(text));
    for (let i = 0; i < 2; i++) expect(await ask(pool)).toMatchObject({ body: "", end: "whole" });
    expect(sockets.length).toBe(2);
  });

  it("when something came that nobody asked for, while it was idle", async () => {
    const { pool, sockets } = await upstream((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"));
    expect(await ask(pool)).toMatchObject({ body: "a", end: "whole" });
    sockets[0]?.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
    await expect.poll(() => sockets[0]?.destroyed || sockets[0]?.readableEnded).toBe(true);
    expect(await ask(pool)).toMatchObject({ body: "a", end: "whole" });
    expect(sockets.length).toBe(2);
  });
});

describe("an exchange", () => {
  it("that is broken off ends its connection, and its receiver hears nothing more", async () => {
    const { pool, sockets, requests } = await upstream(() => undefined);
    const { got, to } = receiver();
    const connection = pool.send(GET, to);
    await expect.poll(() => requests.length).toBe(1);
    connection.abort(to);
    await expect.poll(() => sockets[0]?.destroyed || sockets[0]?.readableEnded).toBe(true);
    expect(got.end).toBeUndefined();
  });

  it("that is over cannot break off the next one on its connection", async () => {
    const { pool, sockets } = await upstream((socket, count) => {
      if (count === 1) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      else setImmediate(() => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    });
    const first = receiver();
    const connection = pool.send(GET, first.to);
    await expect.poll(() => first.got.end).toBe("whole");
    const second = receiver();
    expect(pool.send(GET, second.to)).toBe(connection);
    connection.pause(first.to);
    connection.abort(first.to);
    await expect.poll(() => second.got.end).toBe("whole");
    expect([second.got.body, sockets.length]).toEqual(["ok", 1]);
  });

  it("that is held back lets nothing through until it goes on", async () => {
    const { pool } = await upstream((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${16 << 20}\r\n\r\n`);
      socket.write(Buffer.alloc(16 << 20));
    });
    let size = 0;
    let isOver = false;
    const to: Receiver = {
      onHead: () => connection.pause(to),
      onData: (piece) => void (size += piece.length),
      onEnd: () => void (isOver = true),
      onFailed: () => undefined,
    };
    const connection = pool.send(GET, to);
    const other = await ask((await upstream((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"))).pool);
    expect(other.end).toBe("whole");
    expect([size < 1 << 20, isOver]).toEqual([true, false]);
    connection.resume(to);
    await expect.poll(() => isOver, { timeout: 10_000 }).toBe(true);
    expect(size).toBe(16 << 20);
  });

  it("is written as it was given, its length told", async () => {
    const { pool, requests } = await upstream((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    const { got, to } = receiver();
    pool.send({ ...GET, method: "POST", headers: ["X-Request-Id", "1"], body: Buffer.from("{}") }, to);
    await expect.poll(() => got.end).toBe("whole");
    const lines = requests[0]?.split("\r\n") ?? [];
    expect([lines[0], ...lines.slice(2)]).toEqual([
      "POST /x?y HTTP/1.1",
      "connection: keep-alive",
      "X-Request-Id: 1",
      "content-length: 2",
      "",
      "",
    ]);
  });

  it.each([
    ["a header with a line break", { ...GET, headers: ["x", "a\r\nevil: b"] }, 'the header "x" cannot be sent'],
    [
      "a header with what becomes a line break as bytes",
      { ...GET, headers: ["x", "a\u010d\u010aevil: b"] },
      'the header "x" cannot be sent',
    ],
    ["a header with a control character", { ...GET, headers: ["x", "a\u0001"] }, 'the header "x" cannot be sent'],
    ["a path with a space", { ...GET, path: "/x HTTP/1.1" }, "the path cannot be sent"],
  ])("with %s is not sent", async (_, request, message) => {
    const { pool, sockets } = await upstream(() => undefined);
    expect(() => pool.send(request, receiver().to)).toThrow(message);
    expect(sockets).toEqual([]);
  });

  it("fails when there is nobody, and when the pool is closed", async () => {
    const { pool, requests } = await upstream(() => undefined);
    const { got, to } = receiver();
    pool.send(GET, to);
    await expect.poll(() => requests.length).toBe(1);
    pool.destroy();
    expect(got.end).toBe("the pool is closed");
    const nobody = new UpstreamPool("http://127.0.0.1:9", 2_000);
    pools.push(nobody);
    expect((await ask(nobody)).end).toContain("ECONNREFUSED");
  });
});
