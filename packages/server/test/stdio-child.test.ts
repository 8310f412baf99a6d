import { request as httpRequest, type IncomingMessage } from "node:http";

import { expect, test } from "vitest";

import {
  caller,
  events,
  fixture,
  INITIALIZE,
  isAlive,
  next,
  openBridge,
  openSession,
  type Answer,
  type BridgeChoices,
} from "./stdio-harness.ts";

const request = (id: unknown, method: string, params?: unknown): unknown => ({ jsonrpc: "2.0", id, method, params });
const release = (name: string): unknown => ({ jsonrpc: "2.0", method: "release", params: { name } });
const scripted = (vice: string): BridgeChoices => ({ args: [fixture("stdio-scripted.js"), vice] });
const refusal = async (response: Response): Promise<unknown[]> => {
  const { id, error } = (await response.json()) as Answer;
  return [response.status, id, error?.code, error?.message];
};
const FAILED = 'the backend "tools" failed';
const failed = (id: unknown): unknown[] => [502, id, 50201, FAILED];

test("a command that is not there is told to the caller without its name, and to the log with it", async () => {
  await using bridge = await openBridge({ command: "smcp-no-such-command" });
  expect(await refusal(await caller(bridge.url).post(INITIALIZE))).toEqual(failed(0));
  const errors = bridge.log.filter((one) => one.level === "error");
  expect(errors).toMatchObject([
    {
      message: "a stdio backend does not start",
      fields: {
        server: "tools",
        reason: 'the command "smcp-no-such-command" was not found',
        hint: "install it, or give its full path",
        retry_after_ms: 1_000,
      },
    },
  ]);
  expect(bridge.upstream.childCount).toBe(0);
});

test("a child that dies at its start is left alone for a while: refused at once, logged once per step", async () => {
  let offset = 0;
  const clock = { now: () => Date.now(), elapsed: () => performance.now() + offset };
  await using bridge = await openBridge({ ...scripted("dies-at-once"), tuning: { clock } });
  const steps = (): unknown[] =>
    bridge.log.filter((one) => one.level === "error").map(({ fields }) => [fields["reason"], fields["retry_after_ms"]]);
  const many = await Promise.all([1, 2, 3].map(() => caller(bridge.url).post(INITIALIZE)));
  expect(await Promise.all(many.map(refusal))).toEqual([failed(0), failed(0), failed(0)]);
  expect(steps()).toEqual([["it ended with code 1", 1_000]]);
  const started = bridge.log.filter((one) => one.message === "child started").length;
  expect(await refusal(await caller(bridge.url).post(INITIALIZE))).toEqual(failed(0));
  expect(bridge.log.filter((one) => one.message === "child started").length).toBe(started);
  offset += 1_000;
  expect(await refusal(await caller(bridge.url).post(INITIALIZE))).toEqual(failed(0));
  expect(steps()).toEqual([
    ["it ended with code 1", 1_000],
    ["it ended with code 1", 2_000],
  ]);
});

test("a child that dies on initialize fails it", async () => {
  await using bridge = await openBridge(scripted("dies-on-initialize"));
  expect(await refusal(await caller(bridge.url).post(INITIALIZE))).toEqual(failed(0));
  expect(bridge.log.find((one) => one.level === "error")?.fields["reason"]).toBe("it ended with code 3");
});

test("a refused initialize passes as it is, opens no session and leaves no child", async () => {
  await using bridge = await openBridge(scripted("refuses-initialize"));
  const response = await caller(bridge.url).post(INITIALIZE);
  expect([response.status, response.headers.get("mcp-session-id")]).toEqual([200, null]);
  expect(await response.text()).toBe('{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"not with me"}}');
  await expect.poll(() => [bridge.upstream.sessionCount, bridge.upstream.childCount]).toEqual([0, 0]);
});

test("an initialize without an answer ends with its limit, and so does its child", async () => {
  await using bridge = await openBridge({ ...scripted("silent-on-initialize"), stdioTimeout: 300 });
  expect(await refusal(await caller(bridge.url).post(INITIALIZE))).toEqual([
    504,
    0,
    50401,
    'the backend "tools" did not answer within 300ms',
  ]);
  await expect.poll(() => bridge.upstream.childCount).toBe(0);
});

test("a caller that leaves before its session is open leaves no child", async () => {
  await using bridge = await openBridge(scripted("silent-on-initialize"));
  const gone = new AbortController();
  const response = caller(bridge.url).post(INITIALIZE, {}, gone.signal);
  await expect.poll(() => bridge.upstream.sessionCount).toBe(1);
  gone.abort();
  await expect(response).rejects.toThrow("aborted");
  await expect.poll(() => [bridge.upstream.sessionCount, bridge.upstream.childCount]).toEqual([0, 0]);
});

test("a child that dies fails what is under way, ends the streams, and its session is unknown from then on", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  const other = await openSession(bridge.url);
  const standing = await session.get();
  const held = session.post(request(1, "hold", { name: "x" }));
  const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1}}';
  const streamed = await session.post(
    request(2, "say", { lines: [progress], hold: "y", _meta: { progressToken: "t" } }),
  );
  const stream = events(streamed);
  expect(await next(stream)).toBe(progress);
  expect(await refusal(await session.post(request(3, "die")))).toEqual(failed(3));
  expect(await refusal(await held)).toEqual(failed(1));
  // Clients resume no stream of a call: an error is all that tells them.
  expect(JSON.parse(await next(stream))).toMatchObject({ id: 2, error: { code: 50201, message: FAILED } });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(await standing.text()).toBe("");
  expect(await refusal(await session.post(request(4, "ping")))).toEqual([404, 4, -32001, "session not found"]);
  // A child that had started well holds up nobody.
  expect(await other.ask(1, "ping")).toEqual({ jsonrpc: "2.0", id: 1, result: {} });
  await openSession(bridge.url);
  expect(bridge.log.find((one) => one.message === "a child failed")?.fields["reason"]).toBe("it ended with code 7");
});

test("the last words of a child that ends arrive", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  expect(await session.ask(1, "answer-and-die")).toEqual({ jsonrpc: "2.0", id: 1, result: { last: true } });
  await expect.poll(() => bridge.upstream.sessionCount).toBe(0);
});

test("a child that closes its output is of no use and is stopped", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  expect(await refusal(await session.post(request(1, "close-output")))).toEqual(failed(1));
  await expect.poll(() => isAlive(session.pid), { timeout: 10_000 }).toBe(false);
});

test("L17: a child that ignores the end of its input and TERM is killed, after DELETE and at close", async () => {
  await using bridge = await openBridge(scripted("ignores-term"));
  const deleted = await openSession(bridge.url);
  const left = await openSession(bridge.url);
  await deleted.delete();
  await expect.poll(() => isAlive(deleted.pid), { timeout: 10_000 }).toBe(false);
  expect(isAlive(left.pid)).toBe(true);
  await bridge.upstream.close();
  expect(isAlive(left.pid)).toBe(false);
  expect([bridge.upstream.sessionCount, bridge.upstream.childCount]).toEqual([0, 0]);
  expect(await refusal(await caller(bridge.url).post(INITIALIZE))).toEqual(failed(0));
});

test("close stops a child that is just being started", async () => {
  await using bridge = await openBridge(scripted("ignores-term"));
  const opening = caller(bridge.url).post(INITIALIZE);
  while (bridge.upstream.childCount === 0) await new Promise((resolve) => setImmediate(resolve));
  await bridge.upstream.close();
  expect([bridge.upstream.sessionCount, bridge.upstream.childCount]).toEqual([0, 0]);
  expect(await refusal(await opening)).toEqual(failed(0));
});

test("L17: lines that are no messages are dropped, told loudly once, and never shown in the log", async () => {
  await using bridge = await openBridge(scripted("prints-banner"));
  const session = await openSession(bridge.url);
  expect(await session.ask(1, "say", { lines: ["TOP SECRET", '{"a":1}'] })).toEqual({
    jsonrpc: "2.0",
    id: 1,
    result: {},
  });
  const dropped = bridge.log.filter((one) => one.message.startsWith("dropped a line"));
  expect(dropped.map((one) => one.level)).toEqual(["warn", "debug", "debug", "debug", "debug"]);
  expect(JSON.stringify(bridge.log)).not.toContain("SECRET");
});

test("an answer that comes byte by byte, with CR LF and blank lines, is one answer", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  const text = 'ä€😀 "quoted"\n and a line';
  const response = await session.post(request(1, "split", { text }));
  expect(await response.text()).toBe(JSON.stringify({ jsonrpc: "2.0", id: 1, result: { text } }));
});

test("a line just below the limit passes, one above it fails the session and stops the child", async () => {
  await using bridge = await openBridge({ tuning: { maxLine: 1 << 20 } });
  const session = await openSession(bridge.url);
  const size = (1 << 20) - 200;
  expect(await session.ask(1, "big", { size })).toEqual({ jsonrpc: "2.0", id: 1, result: { text: "x".repeat(size) } });
  expect(await refusal(await session.post(request(2, "big", { size: 1 << 20 })))).toEqual(failed(2));
  expect(await refusal(await session.post(request(3, "ping")))).toEqual([404, 3, -32001, "session not found"]);
  await expect.poll(() => isAlive(session.pid), { timeout: 10_000 }).toBe(false);
  expect(bridge.log.find((one) => one.message === "a child failed")?.fields["reason"]).toBe(
    "a line of its output is longer than 1MiB",
  );
});

test("a line of 10 MiB fits by default, as an event too", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  const size = (10 << 20) - 100;
  const response = await session.post(request(1, "big", { size }), { accept: "text/event-stream" });
  const [event] = (await response.text()).split("\n\n");
  expect(event?.length).toBe('event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{"text":""}}'.length + size);
});

test("J24: a CR between two tokens does not cut an event", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  const line = '{"jsonrpc":"2.0",\r"method":"notifications/message","params":{}}';
  const stream = events(await session.post(request(1, "say", { lines: [line] })));
  expect(await next(stream)).toBe(line.replace("\r", " "));
});

test("a slow call turns into an event stream before it is answered, unless its caller cannot read one", async () => {
  await using bridge = await openBridge({ tuning: { commitAfter: 50 } });
  const session = await openSession(bridge.url);
  const plain = session.post(request(1, "hold", { name: "plain" }), { accept: "application/json" });
  // Resolves with the head of the stream: the answer is still held.
  const streamed = await session.post(request(2, "hold", { name: "streamed" }));
  expect(streamed.headers.get("content-type")).toBe("text/event-stream");
  for (const name of ["plain", "streamed"]) await session.post(release(name));
  expect(await next(events(streamed))).toBe('{"jsonrpc":"2.0","id":2,"result":{"released":"streamed"}}');
  expect((await plain).headers.get("content-type")).toBe("application/json");
});

test("a call without an answer ends with its limit; the late answer is dropped and its id free again", async () => {
  await using bridge = await openBridge({ stdioTimeout: 1_500, tuning: { commitAfter: 200 } });
  const session = await openSession(bridge.url);
  const message = 'the backend "tools" did not answer within 1.5s';
  const plain = session.post(request(1, "hold", { name: "plain" }), { accept: "application/json" });
  const streamed = await session.post(request(2, "hold", { name: "streamed" }));
  expect(await refusal(await plain)).toEqual([504, 1, 50401, message]);
  expect(JSON.parse(await next(events(streamed)))).toMatchObject({ id: 2, error: { code: 50401, message } });
  // The child still works on it: its late answer must not be taken for another's.
  expect((await refusal(await session.post(request(1, "ping"))))[0]).toBe(400);
  await session.post(release("plain"));
  await expect.poll(async () => (await session.ask(1, "ping")).error?.code).toBeUndefined();
});

test("a cancelled call that the server leaves unanswered ends as an empty stream", async () => {
  await using bridge = await openBridge({ tuning: { cancelGrace: 50 } });
  const session = await openSession(bridge.url);
  const held = session.post(request(1, "hold", { name: "x" }));
  await session.ask(2, "ping");
  const cancelled = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } };
  expect((await session.post(cancelled)).status).toBe(202);
  const response = await held;
  expect([response.status, await response.text()]).toEqual([200, ""]);
});

test("a caller that leaves cancels nothing: the call goes on and its answer is dropped", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  const gone = new AbortController();
  const held = session.post(request(1, "hold", { name: "x" }), {}, gone.signal);
  await session.ask(2, "ping");
  gone.abort();
  await expect(held).rejects.toThrow("aborted");
  expect((await refusal(await session.post(request(1, "ping"))))[0]).toBe(400);
  await session.post(release("x"));
  await expect.poll(async () => (await session.ask(1, "ping")).error?.code).toBeUndefined();
});

test("a caller that does not read holds up its own child only, and everything arrives in the end", async () => {
  await using bridge = await openBridge({ stdioTimeout: 60_000 });
  const session = await openSession(bridge.url);
  const other = await openSession(bridge.url);
  const body = JSON.stringify(request(1, "many", { count: 1_000, size: 100_000 }));
  const before = process.memoryUsage().arrayBuffers;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { "content-type": "application/json", "mcp-session-id": session.session };
    httpRequest(bridge.url, { method: "POST", headers, agent: false }, resolve).on("error", reject).end(body);
  });
  let most = 0;
  for (let n = 0; n < 300; n++) {
    await other.ask(n, "ping");
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  // 100 MB were asked for; what nobody reads stays with the child.
  expect(most).toBeLessThan(50_000_000);
  let bytes = 0;
  for await (const chunk of response) bytes += (chunk as Buffer).length;
  expect(bytes).toBeGreaterThan(1_000 * 100_000);
});

test("a child that does not read its input: what waits for it is bounded, and its end fails what waits", async () => {
  await using bridge = await openBridge({ ...scripted("deaf-after-initialize"), tuning: { maxInput: 1 << 20 } });
  const session = await openSession(bridge.url);
  const big = "x".repeat(400_000);
  const refused: unknown[] = [];
  const all = [1, 2, 3, 4].map(async (id) => {
    const answer = await refusal(await session.post(request(id, "echo", { big })));
    refused.push(answer);
    return [answer, failed(id)];
  });
  // Two fit; the others are refused at once.
  await expect.poll(() => refused.length, { timeout: 10_000 }).toBe(2);
  process.kill(session.pid, "SIGKILL");
  for (const [answer, expected] of await Promise.all(all)) expect(answer).toEqual(expected);
});

test("a session that nobody uses ends; one with a stream or a call under way does not", async () => {
  await using bridge = await openBridge({ idleTtl: 700 });
  const streaming = await openSession(bridge.url);
  const stream = await streaming.get();
  const calling = await openSession(bridge.url);
  const held = calling.post(request(1, "hold", { name: "x" }));
  const idle = await openSession(bridge.url);
  await expect.poll(() => isAlive(idle.pid), { timeout: 10_000 }).toBe(false);
  expect((await idle.post(request(1, "ping"))).status).toBe(404);
  // Once more: by then the others have been silent for longer than a session may be.
  const second = await openSession(bridge.url);
  await expect.poll(() => isAlive(second.pid), { timeout: 10_000 }).toBe(false);
  expect(bridge.upstream.sessionCount).toBe(2);
  await calling.post(release("x"));
  expect((await held).status).toBe(200);
  await stream.body?.cancel();
  await expect.poll(() => bridge.upstream.sessionCount).toBe(0);
});

test("no more children than allowed, and room again when one is gone", async () => {
  await using bridge = await openBridge({ maxChildren: 1 });
  const session = await openSession(bridge.url);
  const refused = await caller(bridge.url).post(INITIALIZE);
  expect(refused.headers.get("retry-after")).toBe("5");
  expect(await refusal(refused)).toEqual([429, 0, 42901, 'the backend "tools" runs as many sessions as it may']);
  await session.delete();
  await expect.poll(() => bridge.upstream.childCount).toBe(0);
  await openSession(bridge.url);
});

test("calls at once in one session are bounded", async () => {
  await using bridge = await openBridge({ tuning: { maxCalls: 2 } });
  const session = await openSession(bridge.url);
  const held = ["a", "b"].map((name) => session.post(request(name, "hold", { name })));
  await expect.poll(async () => (await refusal(await session.post(request("c", "ping"))))[2]).toBe(42901);
  for (const name of ["a", "b"]) await session.post(release(name));
  expect((await Promise.all(held)).map((one) => one.status)).toEqual([200, 200]);
});

const changed = (n: number): string => `{"method":"notifications/tools/list_changed","params":{"n":${n}}}`;

test("what is kept while no stream is open is bounded, the newest stays", async () => {
  await using bridge = await openBridge({ tuning: { maxKept: { messages: 3, bytes: 1_000 } } });
  const session = await openSession(bridge.url);
  await session.ask(1, "say", { lines: [1, 2, 3, 4, 5].map(changed) });
  const stream = events(await session.get());
  for (const n of [3, 4, 5]) expect(await next(stream)).toBe(changed(n));
});

test("L15, L16: the child sees the safe names of our environment and its own settings, its own folder, and no shell", async () => {
  await using bridge = await openBridge({
    args: [fixture("stdio-scripted.js"), "$(id); `id` && echo"],
    environment: { PATH: process.env["PATH"], HOME: "/home/x", SMCP_SECRET: "hunter2", NODE_OPTIONS: "--bad" },
    env: new Map([
      ["HOME", "/own"],
      ["Token", "t"],
    ]),
  });
  const session = await openSession(bridge.url);
  const { result } = await session.ask(1, "environment");
  expect(result).toEqual({
    env: { PATH: process.env["PATH"], HOME: "/own", Token: "t" },
    args: ["$(id); `id` && echo"],
    cwd: import.meta.dirname,
  });
});

test("the log tells of starts and ends and what stderr says, and never holds a session id", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  await session.ask(1, "stderr", { text: "a warning of the server" });
  await session.delete();
  await expect.poll(() => bridge.log.some((one) => one.message === "child ended")).toBe(true);
  const [started, stderr, ended] = ["child started", "child's stderr", "child ended"].map((message) =>
    bridge.log.find((one) => one.message === message),
  );
  expect(started).toMatchObject({ level: "info", fields: { server: "tools", pid: session.pid } });
  expect(stderr).toMatchObject({ level: "debug", fields: { server: "tools", line: "a warning of the server" } });
  expect(ended).toMatchObject({ level: "info", fields: { pid: session.pid, reason: "its caller ended it" } });
  expect(new Set([started, stderr, ended].map((one) => one?.fields["session"])).size).toBe(1);
  expect(JSON.stringify(bridge.log)).not.toContain(session.session);
});
