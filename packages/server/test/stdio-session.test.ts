import { expect, test } from "vitest";
import {
  BOTH,
  caller,
  events,
  fixture,
  INITIALIZE,
  isAlive,
  next,
  openBridge,
  openSession,
  type Answer,
} from "./stdio-harness.ts";

const request = (id: unknown, method: string, params?: unknown): unknown => ({ jsonrpc: "2.0", id, method, params });
const notification = (method: string, params?: unknown): unknown => ({ jsonrpc: "2.0", method, params });
const LOGGED = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"hello"}}';
const refusal = async (response: Response): Promise<{ status: number; id: unknown; code: number; message: string }> => {
  const { id, error } = (await response.json()) as Answer;
  return { status: response.status, id, code: error?.code ?? 0, message: error?.message ?? "" };
};

test("initialize opens a session with a child, whose answer passes byte for byte", async () => {
  await using bridge = await openBridge();
  const response = await caller(bridge.url).post(INITIALIZE);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(response.headers.get("mcp-session-id")).toMatch(/^[\w-]{32}$/);
  const { version } = ((await response.clone().json()) as Answer).result["serverInfo"] as { version: string };
  expect(await response.text()).toBe(
    `{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"scripted","version":"${version}"}}}`,
  );
  expect([bridge.upstream.sessionCount, bridge.upstream.childCount]).toEqual([1, 1]);
});

test("J15, L18: two sessions have two children, and equal ids at the same moment get their own answers", async () => {
  await using bridge = await openBridge();
  const [ann, bob] = await Promise.all([openSession(bridge.url), openSession(bridge.url)]);
  expect(ann.pid).not.toBe(bob.pid);
  const held = [ann.post(request(0, "hold", { name: "ann" })), bob.post(request(0, "hold", { name: "bob" }))];
  // Answered the other way round.
  await bob.ask(1, "ping");
  await ann.ask(1, "ping");
  await bob.post(notification("release", { name: "bob" }));
  await ann.post(notification("release", { name: "ann" }));
  const [annAnswer, bobAnswer] = await Promise.all(held.map(async (one) => (await one).text()));
  expect(annAnswer).toBe('{"jsonrpc":"2.0","id":0,"result":{"released":"ann"}}');
  expect(bobAnswer).toBe('{"jsonrpc":"2.0","id":0,"result":{"released":"bob"}}');
});

test("J15: a thousand calls at once in ten sessions each get their own answer", async () => {
  await using bridge = await openBridge();
  const sessions = await Promise.all(Array.from({ length: 10 }, () => openSession(bridge.url)));
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, async (_, n) => {
      const session = sessions[n % 10] as (typeof sessions)[number];
      const answer = await session.ask(Math.floor(n / 10) + 1, "echo", { n });
      return JSON.stringify(answer.result) === JSON.stringify({ params: { n }, pid: session.pid });
    }),
  );
  expect(answers.filter((one) => !one)).toEqual([]);
});

test("an id that is under way is refused, and free again after its answer", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  for (const id of [0, "0", ""]) {
    const held = session.post(request(id, "hold", { name: "x" }));
    await session.ask("other", "ping");
    expect(await refusal(await session.post(request(id, "ping")))).toEqual({
      status: 400,
      id,
      code: -32600,
      message: "a request with this id is under way in this session",
    });
    await session.post(notification("release", { name: "x" }));
    await held;
    expect(await session.ask(id, "ping")).toEqual({ jsonrpc: "2.0", id, result: {} });
  }
});

test("ids are compared by what they mean: a server that writes 1 for 1.0 is understood", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  for (const [written, answered] of [
    ["1.0", "1"],
    ["-0", "0"],
    ['"\\u0061"', '"a"'],
  ]) {
    const response = await session.post(`{"jsonrpc":"2.0","id":${written},"method":"ping"}`);
    expect(await response.text()).toBe(`{"jsonrpc":"2.0","id":${answered},"result":{}}`);
  }
});

test("a request written over several lines arrives as one", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  const response = await session.post(
    '{\r\n  "jsonrpc": "2.0",\n  "id": 7,\n  "method": "echo",\n  "params": {"a": "b\\n"}\n}',
  );
  expect(await response.json()).toMatchObject({ id: 7, result: { params: { a: "b\n" } } });
});

test("J14: notifications and responses are 202 without a body", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  for (const message of [
    notification("notifications/initialized"),
    { jsonrpc: "2.0", id: 99, result: {} },
    { jsonrpc: "2.0", id: 98, error: { code: 1, message: "no" } },
  ]) {
    const response = await session.post(message, { accept: "application/json" });
    expect([response.status, await response.text()]).toEqual([202, ""]);
  }
  expect(await session.ask(1, "ping")).toEqual({ jsonrpc: "2.0", id: 1, result: {} });
});

test("an answer to what the child did not ask is dropped", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  const stream = events(await session.post(request(1, "ask", { id: "q" })));
  await next(stream);
  for (const id of ["other", 0, "q", "q"]) {
    expect((await session.post({ jsonrpc: "2.0", id, result: {} })).status).toBe(202);
  }
  await next(stream);
  const { result } = await session.ask(2, "seen");
  expect((result["seen"] as string[]).filter((line) => line.includes('"result"'))).toEqual([
    '{"jsonrpc":"2.0","id":"q","result":{}}',
  ]);
});

test("what needs a session and has none is refused, and starts no child", async () => {
  await using bridge = await openBridge();
  const stranger = caller(bridge.url);
  const missing = { status: 400, code: -32000, message: "server not initialized: a session id is needed" };
  expect(await refusal(await stranger.post(request(5, "tools/list")))).toEqual({ ...missing, id: 5 });
  expect(await refusal(await stranger.post(notification("notifications/initialized")))).toEqual({
    ...missing,
    id: undefined,
  });
  expect(await refusal(await stranger.get())).toEqual({ ...missing, id: undefined });
  expect(await refusal(await stranger.delete())).toEqual({ ...missing, id: undefined });
  expect(bridge.upstream.childCount).toBe(0);
});

test("a message of the modern era is refused as a legacy server would, session or not", async () => {
  await using bridge = await openBridge({ era: "legacy" });
  const modern = request(1, "server/discover", {
    _meta: {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": {},
    },
  });
  const expected = { status: 400, id: 1, code: -32000, message: "server not initialized: a session id is needed" };
  expect(await refusal(await caller(bridge.url).post(modern))).toEqual(expected);
  expect(bridge.upstream.childCount).toBe(0);
  const session = await openSession(bridge.url);
  expect(await refusal(await session.post(modern))).toEqual(expected);
});

test("an unknown session is 404 whatever is asked of it", async () => {
  await using bridge = await openBridge();
  const stale = caller(bridge.url, "no-such-session");
  const unknown = { status: 404, code: -32001, message: "session not found" };
  expect(await refusal(await stale.post(request(1, "ping")))).toEqual({ ...unknown, id: 1 });
  // The id of a response names a question of the server's: it is not echoed.
  expect(await refusal(await stale.post({ jsonrpc: "2.0", id: 1, result: {} }))).toEqual({ ...unknown, id: undefined });
  expect(await refusal(await stale.get())).toEqual({ ...unknown, id: undefined });
  expect(await refusal(await stale.delete())).toEqual({ ...unknown, id: undefined });
});

test("J17: a session id that comes with initialize is never taken over", async () => {
  await using bridge = await openBridge();
  const response = await caller(bridge.url, "fixed-by-an-attacker").post(INITIALIZE);
  expect(response.status).toBe(200);
  expect(response.headers.get("mcp-session-id")).not.toBe("fixed-by-an-attacker");
  expect((await caller(bridge.url, "fixed-by-an-attacker").post(request(1, "ping"))).status).toBe(404);
});

test("DELETE ends the session, its child and what is under way in it", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  const held = session.post(request(1, "hold", { name: "x" }));
  const stream = await session.get();
  await session.ask(2, "ping");
  const deleted = await session.delete();
  expect([deleted.status, await deleted.text()]).toEqual([200, ""]);
  expect(await refusal(await held)).toEqual({ status: 404, id: 1, code: -32001, message: "session not found" });
  expect(await stream.text()).toBe("");
  expect((await session.post(request(3, "ping"))).status).toBe(404);
  await expect.poll(() => isAlive(session.pid), { timeout: 10_000 }).toBe(false);
  await expect.poll(() => bridge.upstream.childCount).toBe(0);
});

test("Accept decides the form of the answer; a wildcard and none at all mean both", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  for (const accept of ["*/*", "application/json", "text/html, application/*;q=0.5", BOTH]) {
    const response = await session.post(request(1, "ping"), { accept });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
  }
  const streamed = await session.post(request(2, "ping"), { accept: "text/event-stream" });
  expect(streamed.headers.get("content-type")).toBe("text/event-stream");
  expect(await streamed.text()).toBe('event: message\ndata: {"jsonrpc":"2.0","id":2,"result":{}}\n\n');
  const message = "the client must accept application/json or text/event-stream";
  expect(await refusal(await session.post(request(3, "ping"), { accept: "text/html" }))).toEqual({
    status: 406,
    id: 3,
    code: -32000,
    message,
  });
  expect(await refusal(await session.get({ accept: "application/json" }))).toEqual({
    status: 406,
    id: undefined,
    code: -32000,
    message,
  });
  expect((await caller(bridge.url).post(INITIALIZE, { accept: "text/html" })).status).toBe(406);
});

test("progress goes to the request with its token, before the answer, as events", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  const progress = '{"method":"notifications/progress","jsonrpc":"2.0","params":{"progress":1,"progressToken":0}}';
  const first = session.post(request(1, "say", { lines: [], hold: "first", _meta: { progressToken: 0 } }));
  await session.ask(2, "ping");
  // Asked by another call that is newer: the token alone decides.
  const second = session.post(request(3, "say", { lines: [progress], hold: "second" }));
  const response = await first;
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const stream = events(response);
  expect(await next(stream)).toBe(progress);
  await session.post(notification("release", { name: "first" }));
  expect(await next(stream)).toBe('{"jsonrpc":"2.0","id":1,"result":{"released":"first"}}');
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  await session.post(notification("release", { name: "second" }));
  expect((await second).headers.get("content-type")).toBe("application/json");
});

test("a question of the server goes to the newest call that can be streamed to, id 0 and all", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  const older = session.post(request(1, "hold", { name: "older" }));
  const deaf = session.post(request(2, "hold", { name: "deaf" }), { accept: "application/json" });
  await session.ask(3, "ping");
  const asking = await session.post(request(4, "ask", { id: 0 }));
  const stream = events(asking);
  expect(await next(stream)).toBe('{"jsonrpc":"2.0","id":0,"method":"roots/list"}');
  expect((await session.post({ jsonrpc: "2.0", id: 0, result: { roots: [] } })).status).toBe(202);
  expect(JSON.parse(await next(stream))).toEqual({
    jsonrpc: "2.0",
    id: 4,
    result: { answer: { jsonrpc: "2.0", id: 0, result: { roots: [] } } },
  });
  for (const name of ["older", "deaf"]) await session.post(notification("release", { name }));
  expect((await older).headers.get("content-type")).toBe("application/json");
  expect((await deaf).headers.get("content-type")).toBe("application/json");
});

test("what is about the server waits for the standing stream and goes there", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  const changed = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';
  const updated = '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b"}}';
  const said = await session.post(request(1, "say", { lines: [changed, updated] }));
  expect(said.headers.get("content-type")).toBe("application/json");
  const response = await session.get();
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  const stream = events(response);
  expect([await next(stream), await next(stream)]).toEqual([changed, updated]);
  await session.ask(2, "say", { lines: [changed] });
  expect(await next(stream)).toBe(changed);
});

test("a message of the server without a call under way goes to the standing stream, the newest of several", async () => {
  await using bridge = await openBridge({ tuning: { maxStreams: 2 } });
  const session = await openSession(bridge.url);
  const streams = [];
  for (let n = 0; n < 3; n++) streams.push(events(await session.get()));
  const [first, second, third] = streams;
  // The oldest one over the bound is ended, the others stay.
  expect(await first?.next()).toEqual({ done: true, value: undefined });
  const said = session.post(request(1, "say", { lines: [LOGGED], hold: "x" }), { accept: "application/json" });
  expect(await next(third as NonNullable<typeof third>)).toBe(LOGGED);
  await session.post(notification("release", { name: "x" }));
  await said;
  await third?.return();
  // A message sent before the loss is known here is lost with the stream; the next ones are not.
  const arrived: unknown[] = [];
  void second?.next().then(({ value }) => arrived.push(value));
  while (arrived.length === 0) {
    await session.post(request(2, "say", { lines: [LOGGED] }), { accept: "application/json" });
  }
  expect(arrived).toEqual([LOGGED]);
});

test("a question that found no stream goes out with the next call", async () => {
  await using bridge = await openBridge({ args: [fixture("stdio-scripted.js"), "asks-first"] });
  const opened = await caller(bridge.url).post(INITIALIZE, { accept: "application/json" });
  const session = caller(bridge.url, opened.headers.get("mcp-session-id") ?? "");
  const stream = events(await session.post(request(1, "hold", { name: "x" })));
  expect(await next(stream)).toBe('{"jsonrpc":"2.0","id":0,"method":"roots/list"}');
});
