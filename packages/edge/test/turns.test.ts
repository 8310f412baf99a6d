import { connect, type Socket } from "node:net";

import { silentLog } from "@smcp/core";
import { afterEach, expect, it } from "vitest";

import { openListener, type Listener } from "../src/listener.ts";
import type { Reply } from "../src/reply.ts";

const opened: (Listener | Socket)[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) {
    if ("destroy" in one) one.destroy();
    else await one.close(0);
  }
});

interface Asked {
  readonly url: string;
  readonly reply: Reply;
}

/** A listener that collects what it is asked, and a connection to it that has sent the text. */
async function ask(text: string) {
  const asked: Asked[] = [];
  const listener = await openListener({
    host: "127.0.0.1",
    port: 0,
    readTimeout: 5_000,
    writeTimeout: 5_000,
    log: silentLog,
    handle: (incoming, _, reply) => {
      asked.push({ url: incoming.url ?? "", reply });
    },
  });
  const socket = connect(listener.port, "127.0.0.1");
  opened.push(socket, listener);
  const got = { text: "", isEnded: false };
  socket.on("data", (chunk: Buffer) => (got.text += chunk.toString("latin1")));
  socket.on("error", () => undefined);
  socket.on("close", () => (got.isEnded = true));
  socket.write(text);
  return { asked, got, socket };
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`;
const statuses = (text: string): string[] => text.match(/HTTP\/1\.1 \d+/g) ?? [];

function answer({ reply }: Asked): void {
  reply.send(200, [], Buffer.from("x"));
}

it("a request behind another one is handled when that one is answered", async () => {
  const { asked, got } = await ask(get("/1") + get("/2") + get("/3"));
  for (const count of [1, 2, 3]) {
    await expect.poll(() => asked.length).toBe(count);
    expect(statuses(got.text)).toHaveLength(count - 1);
    answer(asked[count - 1] as Asked);
    await expect.poll(() => statuses(got.text).length).toBe(count);
  }
  expect(asked.map(({ url }) => url)).toEqual(["/1", "/2", "/3"]);
});

it("nothing is handled behind an answer that ends the connection", async () => {
  const { asked, got } = await ask(get("/1") + get("/2"));
  await expect.poll(() => asked.length).toBe(1);
  const [first] = asked as [Asked];
  first.reply.isLast = true;
  answer(first);
  await expect.poll(() => got.isEnded).toBe(true);
  expect([statuses(got.text), asked.length]).toEqual([["HTTP/1.1 200"], 1]);
});

it("what is malformed behind requests under way is answered after them, and its sender's further words are nothing", async () => {
  const { asked, got, socket } = await ask(`${get("/1")}nonsense\r\n\r\n`);
  await expect.poll(() => asked.length).toBe(1);
  socket.write("more nonsense\r\n\r\n");
  answer(asked[0] as Asked);
  await expect.poll(() => got.isEnded).toBe(true);
  expect(statuses(got.text)).toEqual(["HTTP/1.1 200", "HTTP/1.1 400"]);
});

it("a caller that leaves in the middle of its next request has left", async () => {
  const { asked, got, socket } = await ask(`${get("/1")}GET /2`);
  await expect.poll(() => asked.length).toBe(1);
  const [first] = asked as [Asked];
  socket.end();
  await expect.poll(() => first.reply.isClosed).toBe(true);
  await expect.poll(() => got.isEnded).toBe(true);
  expect(got.text).toBe("");
});

it("a connection on which too many requests wait is ended", async () => {
  const { asked, got } = await ask(Array.from({ length: 102 }, (_, i) => get(`/${i}`)).join(""));
  await expect.poll(() => got.isEnded).toBe(true);
  expect([got.text, asked.length]).toEqual(["", 1]);
});

it("a hundred may wait", async () => {
  const { asked, got } = await ask(Array.from({ length: 101 }, (_, i) => get(`/${i}`)).join(""));
  for (let i = 0; i < 101; i++) {
    await expect.poll(() => asked.length, { interval: 1 }).toBe(i + 1);
    answer(asked[i] as Asked);
  }
  await expect.poll(() => statuses(got.text).length).toBe(101);
});
