import { expect, test } from "vitest";

import {
  ENVELOPE,
  events,
  modernCaller,
  next,
  openBridge,
  scriptedModern,
  type Answer,
  type Bridge,
  type BridgeChoices,
  type ModernCaller,
} from "./stdio-harness.ts";

const open = (more: BridgeChoices = {}): Promise<Bridge> => openBridge({ ...scriptedModern(), ...more });
const refusal = async (response: Response): Promise<unknown[]> => {
  const { id, error } = (await response.json()) as Answer;
  return [response.status, id, error?.code, error?.message];
};
/** What a caller's child was sent, parsed. */
const seenBy = async (one: ModernCaller): Promise<Sent[]> => {
  const { result } = await one.ask("seen", "seen");
  return (result["seen"] as string[]).map((line) => JSON.parse(line) as Sent);
};

interface Sent {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

const progress = (token: string): string =>
  `{"method":"notifications/progress","params":{"progress":1.0,"progressToken":${token}},"jsonrpc":"2.0"}`;
const changed = (stamped: string): string =>
  `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{${stamped}}}`;
const lacks = (what: string): unknown[] => [400, 7, -32_602, `invalid _meta envelope: ${what}`];
const disagrees = (name: string): unknown[] => [400, 1, -32_020, `Mcp-Param-${name} and the body disagree`];
const LISTEN = { notifications: { toolsListChanged: true } };

test("ids of any form come back as they were written, and the child never sees them", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  for (const id of ["0", "-1", "12345678901234567890", "1.0", "1e400", '"a\\u0062"', '""', '"ä"']) {
    const _meta = JSON.stringify(ENVELOPE);
    const response = await ann.post(`{"jsonrpc":"2.0","id":${id},"method":"echo","params":{"_meta":${_meta}}}`);
    expect((await response.text()).startsWith(`{"jsonrpc":"2.0","id":${id},"result":{`)).toBe(true);
  }
  const ids = (await seenBy(ann)).map(({ id }) => id);
  expect(ids).toEqual(ids.map((_, n) => n + 1));
});

test("nothing of a request or an answer changes but its ids", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  const _meta = `{"progressToken" : "mine", ${JSON.stringify(ENVELOPE).slice(1)}`;
  const body = (lines: string): string =>
    `{ "params": {"z": 1.0, "big":12345678901234567890, "_meta": ${_meta}, "lines": [${lines}]},\n "method":"say","id":"x", "jsonrpc":"2.0" }`;
  const result = '{"huge":12345678901234567890,"e":1e400,"b":{"id":5,"a":1.0}}';
  const line = (id: string): string => `{ "result" :${result},"x-unknown":[ 1 ], "id" : ${id} ,"jsonrpc":"2.0"}`;
  const response = await ann.post(body(JSON.stringify(line("$ID"))));
  expect(await response.text()).toBe(line('"x"'));
  const { result: seen } = await ann.ask(2, "seen");
  expect((seen["seen"] as string[])[0]).toBe(
    body(JSON.stringify(line("$ID")))
      .replace('"x", "jsonrpc"', '1, "jsonrpc"')
      .replace('"mine"', "1")
      .replace("\n", " "),
  );
});

test("a thousand calls at once with the same id each get their own answer", async () => {
  await using bridge = await open({ stdioTimeout: 60_000 });
  const ann = modernCaller(bridge.url);
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, async (_, n) => {
      const { id, result } = await ann.ask(0, "echo", { n });
      return id === 0 && (result["params"] as { n: number }).n === n;
    }),
  );
  expect(answers.filter((one) => !one)).toEqual([]);
  expect(bridge.upstream.childCount).toBeLessThanOrEqual(2);
});

test("progress goes to the call with its token, which each caller may choose alike", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  const params = { lines: [progress("$TOKEN")], _meta: { progressToken: "t" } };
  const responses = await Promise.all(["a", "b"].map((hold) => ann.send(1, "say", { ...params, hold })));
  for (const [n, response] of responses.entries()) {
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const stream = events(response);
    expect(await next(stream)).toBe(progress('"t"'));
    await ann.ask(2, "release", { name: n === 0 ? "a" : "b" });
    expect(JSON.parse(await next(stream))).toMatchObject({ id: 1, result: { released: n === 0 ? "a" : "b" } });
  }
});

test("progress that was not asked for, or is about nothing, is dropped", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  const lines = [progress("$ID"), progress("999"), progress('"t"'), '{"method":"notifications/progress"}'];
  const response = await ann.send(1, "say", { lines });
  expect(response.headers.get("content-type")).toBe("application/json");
});

test("log messages go to the only call that asked for any, and to nobody where several did", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  const logged = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"secret"}}';
  const _meta = { "io.modelcontextprotocol/logLevel": "info" };
  const quiet = ann.send(1, "hold", { name: "quiet" });
  const asking = await ann.send(2, "say", { lines: [logged], hold: "asking", _meta });
  const stream = events(asking);
  expect(await next(stream)).toBe(logged);
  const second = ann.send(3, "hold", { name: "second", _meta });
  await ann.ask(4, "say", { lines: [logged] });
  await ann.ask(5, "release", { name: "second" });
  expect((await second).headers.get("content-type")).toBe("application/json");
  // Alone again.
  await ann.ask(6, "say", { lines: [logged] });
  expect(await next(stream)).toBe(logged);
  await ann.ask(7, "release", { name: "asking" });
  expect(JSON.parse(await next(stream))).toMatchObject({ id: 2 });
  await ann.ask(8, "release", { name: "quiet" });
  expect((await quiet).headers.get("content-type")).toBe("application/json");
});

test("errors of the protocol have the status that a server over HTTP gives them, others are answers", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  const statuses = new Map([
    [-32_601, 404],
    [-32_600, 400],
    [-32_020, 400],
    [-32_021, 400],
    [-32_022, 400],
    [-32_602, 200],
    [-32_603, 200],
    [-32_002, 200],
    [1, 200],
  ]);
  for (const [code, status] of statuses) {
    const response = await ann.send("x", "fail", { code });
    expect([response.status, response.headers.get("content-type")]).toEqual([status, "application/json"]);
    expect(await response.text()).toBe(
      `{"jsonrpc":"2.0","id":"x","error":{"code":${code},"message":"as asked","data":{"kept":1}}}`,
    );
  }
  expect((await ann.send(1, "no/such/method")).status).toBe(404);
});

test("an envelope that lacks something is refused, and reaches no child", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  await ann.ask(0, "echo");
  const { "io.modelcontextprotocol/protocolVersion": version, ...capabilities } = ENVELOPE;
  const posted = async (params: unknown): Promise<unknown[]> =>
    refusal(await ann.post({ jsonrpc: "2.0", id: 7, method: "server/discover", params }));
  const key = "io.modelcontextprotocol/";
  const noVersion = lacks(`"${key}protocolVersion" must be a string`);
  const noCapabilities = lacks(`"${key}clientCapabilities" must be an object`);
  expect(await posted(undefined)).toEqual(noVersion);
  expect(await posted({})).toEqual(noVersion);
  expect(await posted({ _meta: capabilities })).toEqual(noVersion);
  expect(await posted({ _meta: { [`${key}protocolVersion`]: version } })).toEqual(noCapabilities);
  expect(await posted({ _meta: { ...ENVELOPE, [`${key}clientCapabilities`]: [] } })).toEqual(noCapabilities);
  expect((await seenBy(ann)).map(({ method }) => method)).toEqual(["echo", "seen"]);
});

test.each(["v999.0.0", "2026-08-01", "2025-06-18"])(
  "the revision %s is refused with those that there are",
  async (version) => {
    await using bridge = await open();
    const ann = modernCaller(bridge.url);
    const _meta = { ...ENVELOPE, "io.modelcontextprotocol/protocolVersion": version };
    const headers = { "mcp-protocol-version": version };
    const response = await ann.post({ jsonrpc: "2.0", id: 1, method: "server/discover", params: { _meta } }, headers);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      id: 1,
      error: {
        code: -32_022,
        message: "unsupported protocol version",
        data: { supported: ["2026-07-28"], requested: version },
      },
    });
  },
);

test("arguments that a tool wants in headers are compared with them", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  const call = async (args: object, headers: Record<string, string>): Promise<unknown[]> =>
    refusal(await ann.send(1, "tools/call", { name: "region", arguments: args }, { headers }));
  const good = [200, 1, undefined, undefined];
  expect(await call({ region: "eu" }, { "mcp-param-region": "eu" })).toEqual(good);
  expect(await call({ region: "eu" }, { "mcp-param-region": "=?base64?ZXU=?=" })).toEqual(good);
  expect(await call({ region: "eu" }, { "mcp-param-region": "us" })).toEqual(disagrees("Region"));
  expect(await call({ region: "eu" }, {})).toEqual(disagrees("Region"));
  expect(await call({ region: null }, {})).toEqual(good);
  expect(await call({ deep: { count: 42 } }, { "mcp-param-count": "42.0" })).toEqual(good);
  expect(await call({ deep: { count: 42 } }, { "mcp-param-count": "43" })).toEqual(disagrees("Count"));
  expect((await ann.send(1, "tools/call", { name: "plain", arguments: { region: "eu" } })).status).toBe(200);
  // Both pages, once.
  expect((await ann.ask(2, "seen")).result["listings"]).toBe(2);
});

test("a tool that changed is looked at again before a call is refused for its sake", async () => {
  await using bridge = await open({ tuning: { toolsDoubt: 0 } });
  const ann = modernCaller(bridge.url);
  const call = (name: string): Promise<Response> =>
    ann.send(1, "tools/call", { name: "region", arguments: { region: "eu" } }, { headers: { [name]: "eu" } });
  expect((await call("mcp-param-region")).status).toBe(200);
  await ann.ask(2, "rename-header", { to: "Zone" });
  expect((await call("mcp-param-zone")).status).toBe(200);
  expect((await call("mcp-param-region")).status).toBe(400);
});

test("a subscription gets what is stamped with its id, as events under the caller's own id", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  const listen = await ann.send("listen:0", "subscriptions/listen", LISTEN);
  expect(listen.headers.get("content-type")).toBe("text/event-stream");
  const stream = events(listen);
  const stamp = '"_meta":{"io.modelcontextprotocol/subscriptionId":"listen:0"}';
  expect(await next(stream)).toBe(
    `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{${stamp},"notifications":{"toolsListChanged":true}}}`,
  );
  const plain = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';
  const own = '"_meta":{"io.modelcontextprotocol/subscriptionId":$ID}';
  await ann.ask(1, "say-of", { name: "listen", lines: [plain, changed(own.replace("$ID", "99")), changed(own)] });
  expect(await next(stream)).toBe(changed(stamp));
  const end = `{"jsonrpc":"2.0","id":$ID,"result":{"resultType":"complete",${own}}}`;
  await ann.ask(1, "say-of", { name: "listen", lines: [end] });
  expect(await next(stream)).toBe(end.replace("$ID", '"listen:0"').replace(own, stamp));
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test("a subscription that the server cancels ends with its notice; one that it refuses is an answer", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  expect(await refusal(await ann.send(3, "subscriptions/listen"))).toEqual([200, 3, -32_602, "no filter"]);
  const stream = events(await ann.send("mine", "subscriptions/listen", LISTEN));
  await next(stream);
  const cancelled = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":$ID}}';
  await ann.ask(1, "say-of", { name: "listen", lines: [cancelled] });
  expect(await next(stream)).toBe(cancelled.replace("$ID", '"mine"'));
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test("a subscription outlives the limit of calls, and its caller leaving cancels it at the child", async () => {
  await using bridge = await open({ stdioTimeout: 300 });
  const ann = modernCaller(bridge.url);
  const leaving = new AbortController();
  const listen = await ann.send("mine", "subscriptions/listen", LISTEN, { signal: leaving.signal });
  const stream = events(listen);
  await next(stream);
  expect(await refusal(await ann.send(1, "hold", { name: "x" }))).toEqual([
    504,
    1,
    50_401,
    'the backend "tools" did not answer within 300ms',
  ]);
  leaving.abort();
  await expect(stream.next()).rejects.toThrow("aborted");
  const cancelled = async (): Promise<unknown[]> =>
    (await seenBy(ann)).filter(({ method }) => method === "notifications/cancelled").map(({ params }) => params);
  // The call that took too long is of no use to anybody either.
  await expect.poll(cancelled).toMatchObject([{ requestId: 2 }, { requestId: 1 }]);
});

test("a caller that leaves cancels its call, and whoever is still there gets an answer", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  const leaving = new AbortController();
  const left = ann.send(1, "hold", { name: "left" }, { signal: leaving.signal });
  const stays = ann.send(1, "hold", { name: "stays" });
  const isHeld = async (): Promise<number> => (await seenBy(ann)).filter(({ method }) => method === "hold").length;
  await expect.poll(isHeld).toBe(2);
  leaving.abort();
  await expect(left).rejects.toThrow("aborted");
  await expect
    .poll(async () => (await seenBy(ann)).find(({ method }) => method === "notifications/cancelled"))
    .toMatchObject({ params: { _meta: ENVELOPE } });
  // An answer to what was cancelled is dropped.
  await ann.ask(2, "release", { name: "left" });
  await ann.ask(2, "release", { name: "stays" });
  expect(await (await stays).json()).toMatchObject({ id: 1, result: { released: "stays" } });
});

test("a child must not ask its client anything: the question is refused and reaches nobody", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  const question = '{"jsonrpc":"2.0","id":"q","method":"sampling/createMessage","params":{}}';
  const response = await ann.send(1, "say", { lines: [question] });
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(await seenBy(ann)).toContainEqual({
    jsonrpc: "2.0",
    id: "q",
    error: { code: -32_601, message: "servers ask nothing in this era" },
  });
});

test("notifications of callers reach no child, for nobody can say whose call they are about", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  const held = ann.send(1, "hold", { name: "x" });
  for (const method of ["notifications/cancelled", "notifications/progress", "tools/call"]) {
    const params = { requestId: 1, progressToken: 1, _meta: ENVELOPE };
    const response = await modernCaller(bridge.url, "eve").post({ jsonrpc: "2.0", method, params });
    expect([response.status, await response.text()]).toEqual([202, ""]);
  }
  await ann.ask(2, "release", { name: "x" });
  expect((await held).status).toBe(200);
  expect((await seenBy(ann)).map(({ method }) => method)).toEqual(["hold", "release", "seen"]);
});

test("there is no stream to get and no session to delete", async () => {
  await using bridge = await open();
  for (const method of ["GET", "DELETE"]) {
    const headers = { "mcp-protocol-version": "2026-07-28", accept: "text/event-stream" };
    const response = await fetch(bridge.url, { method, headers });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
    expect(await response.json()).toMatchObject({ error: { message: "only POST is served in the modern era" } });
  }
  expect(bridge.upstream.childCount).toBe(0);
});

test("Accept decides the form of an answer; a subscription needs events", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url);
  const typed = async (accept: string): Promise<unknown[]> => {
    const response = await ann.send(1, "echo", {}, { headers: { accept } });
    return [response.status, response.headers.get("content-type")];
  };
  expect(await typed("application/json")).toEqual([200, "application/json"]);
  expect(await typed("text/event-stream")).toEqual([200, "text/event-stream"]);
  expect(await typed("text/html")).toEqual([406, "application/json"]);
  const listen = await ann.send(1, "subscriptions/listen", LISTEN, { headers: { accept: "application/json" } });
  expect(listen.status).toBe(406);
});
