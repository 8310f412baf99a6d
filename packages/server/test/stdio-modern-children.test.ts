import { request as httpRequest, type IncomingMessage } from "node:http";

import { expect, test } from "vitest";

import {
  events,
  isAlive,
  modernCaller,
  next,
  openBridge,
  scriptedModern,
  ENVELOPE,
  type Answer,
  type Bridge,
  type BridgeChoices,
  type ModernCaller,
} from "./stdio-harness.ts";

// The probe's own child is counted too: with the era given there is none after the first answer.
const open = (more: BridgeChoices = {}): Promise<Bridge> => openBridge({ ...scriptedModern(), era: "modern", ...more });
const refusal = async (response: Response): Promise<unknown[]> => {
  const { id, error } = (await response.json()) as Answer;
  return [response.status, id, error?.code, error?.message];
};
const failed = (id: unknown): unknown[] => [502, id, 50_201, 'the backend "tools" failed'];
const pidOf = async (one: ModernCaller): Promise<number> => (await one.ask("pid", "echo")).result["pid"] as number;

test("each caller has a child of its own, whatever the number of its requests", async () => {
  await using bridge = await open();
  const ann = modernCaller(bridge.url, "ann");
  const bob = modernCaller(bridge.url, "bob");
  const pids = await Promise.all([pidOf(ann), pidOf(ann), pidOf(bob), pidOf(bob)]);
  expect(pids[0]).toBe(pids[1]);
  expect(pids[2]).toBe(pids[3]);
  expect(pids[0]).not.toBe(pids[2]);
  expect(await pidOf(ann)).toBe(pids[0]);
});

test("a shared child serves everybody, each with its own answers", async () => {
  await using bridge = await open({ isolation: "shared" });
  const callers = ["ann", "bob", "eve"].map((name) => modernCaller(bridge.url, name));
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, n) => (callers[n % 3] as ModernCaller).ask(1, "echo", { n })),
  );
  expect(new Set(answers.map(({ result }) => result["pid"])).size).toBe(1);
  expect(answers.map(({ result }) => (result["params"] as { n: number }).n)).toEqual(answers.map((_, n) => n));
});

test("a child that dies fails what is under way and breaks subscriptions off; the next request starts another", async () => {
  await using bridge = await open({ tuning: { earlyDeath: 0 } });
  const ann = modernCaller(bridge.url, "ann");
  const first = await pidOf(ann);
  const bob = await pidOf(modernCaller(bridge.url, "bob"));
  const held = ann.send(1, "hold", { name: "x" });
  const listen = await ann.send(2, "subscriptions/listen", { notifications: { toolsListChanged: true } });
  const stream = events(listen);
  await next(stream);
  expect(await refusal(await ann.send(3, "die"))).toEqual(failed(3));
  expect(await refusal(await held)).toEqual(failed(1));
  // Not a clean end: that would say that the server wanted it so.
  await expect(stream.next()).rejects.toThrow("terminated");
  expect(await pidOf(ann)).not.toBe(first);
  expect(await pidOf(modernCaller(bridge.url, "bob"))).toBe(bob);
});

test("a child that keeps dying young is left alone for a while, and only for its own callers", async () => {
  let offset = 0;
  const clock = { now: () => Date.now(), elapsed: () => performance.now() + offset };
  await using bridge = await open({ tuning: { clock } });
  const ann = modernCaller(bridge.url, "ann");
  const bob = modernCaller(bridge.url, "bob");
  await pidOf(bob);
  await pidOf(ann);
  const started = (): number => bridge.log.filter((one) => one.message === "child started").length;
  expect(await refusal(await ann.send(1, "die"))).toEqual(failed(1));
  const before = started();
  expect(await refusal(await ann.send(2, "echo"))).toEqual(failed(2));
  expect(started()).toBe(before);
  expect((await bob.send(3, "echo")).status).toBe(200);
  offset += 1_000;
  expect((await ann.send(4, "echo")).status).toBe(200);
});

test("a backend that does not start is left alone for a while", async () => {
  await using bridge = await open({ command: "smcp-no-such-command" });
  const ann = modernCaller(bridge.url, "ann");
  expect(await refusal(await ann.send(1, "echo"))).toEqual(failed(1));
  expect(await refusal(await ann.send(2, "echo"))).toEqual(failed(2));
  expect(bridge.log.filter((one) => one.level === "error").map(({ fields }) => fields["reason"])).toEqual([
    'the command "smcp-no-such-command" was not found',
  ]);
  expect(bridge.upstream.childCount).toBe(0);
});

test("a child that nobody uses ends; a subscription is a use", async () => {
  await using bridge = await open({ idleTtl: 1_500 });
  const ann = modernCaller(bridge.url, "ann");
  const bob = modernCaller(bridge.url, "bob");
  const listening = await pidOf(ann);
  const leaving = new AbortController();
  const notifications = { toolsListChanged: true };
  await ann.send(1, "subscriptions/listen", { notifications }, { signal: leaving.signal });
  const idle = await pidOf(bob);
  await expect.poll(() => isAlive(idle), { timeout: 10_000 }).toBe(false);
  expect(isAlive(listening)).toBe(true);
  leaving.abort();
  await expect.poll(() => isAlive(listening), { timeout: 10_000 }).toBe(false);
  expect(await pidOf(bob)).not.toBe(idle);
});

test("no more children than allowed, and one caller cannot have them all", async () => {
  await using bridge = await open({ maxChildren: 2 });
  await pidOf(modernCaller(bridge.url, "ann"));
  await pidOf(modernCaller(bridge.url, "bob"));
  const refused = await modernCaller(bridge.url, "eve").send(1, "echo");
  expect(await refusal(refused)).toEqual([429, 1, 42_901, 'the backend "tools" runs as many sessions as it may']);
});

test("calls at once in one child are bounded", async () => {
  await using bridge = await open({ tuning: { maxCalls: 2 } });
  const ann = modernCaller(bridge.url, "ann");
  await pidOf(ann);
  const held = ["a", "b"].map((name) => ann.send(1, "hold", { name }));
  await expect.poll(async () => (await refusal(await ann.send(2, "echo")))[2]).toBe(42_901);
  await bridge.upstream.close();
  expect(await Promise.all(held.map(async (one) => refusal(await one)))).toEqual([failed(1), failed(1)]);
  expect(bridge.upstream.childCount).toBe(0);
  expect(await refusal(await ann.send(3, "echo"))).toEqual(failed(3));
});

test("an answer of many megabytes passes", async () => {
  await using bridge = await open();
  const { result } = await modernCaller(bridge.url).ask('a "quoted" id', "big", { size: 9 << 20 });
  expect((result["text"] as string).length).toBe(9 << 20);
});

test("an answer that is too long ends a caller's own child, and is only dropped where others share it", async () => {
  const tuning = { maxLine: 1 << 20 };
  await using own = await open({ tuning });
  const ann = modernCaller(own.url, "ann");
  expect(await refusal(await ann.send(1, "big", { size: 1 << 20 }))).toEqual(failed(1));
  await using shared = await open({ tuning, isolation: "shared", stdioTimeout: 1_000 });
  const bob = modernCaller(shared.url, "bob");
  const held = bob.send(1, "subscriptions/listen", { notifications: { toolsListChanged: true } });
  expect((await held).status).toBe(200);
  expect((await refusal(await modernCaller(shared.url, "eve").send(2, "big", { size: 1 << 20 })))[0]).toBe(504);
  const stream = events(await held);
  await next(stream);
  const changed =
    '{"method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":$ID}}}';
  await bob.ask(3, "say-of", { name: "listen", lines: [changed] });
  expect(await next(stream)).toContain("list_changed");
  expect(shared.log.filter(({ level }) => level === "warn").map(({ message }) => message)).toEqual([
    "dropped a line of a child's output that is too long",
  ]);
});

test("a caller that does not read is broken off, and holds up nobody who shares its child", async () => {
  await using bridge = await open({ isolation: "shared", stdioTimeout: 60_000 });
  const other = modernCaller(bridge.url, "other");
  await pidOf(other);
  const _meta = { ...ENVELOPE, progressToken: 1 };
  const params = { count: 500, size: 100_000, _meta };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "flood", params });
  const before = process.memoryUsage().arrayBuffers;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { "content-type": "application/json", "mcp-protocol-version": "2026-07-28" };
    httpRequest(bridge.url, { method: "POST", headers, agent: false }, resolve).on("error", reject).end(body);
  });
  const broken = new Promise((resolve) => response.on("error", resolve));
  for (let n = 0; n < 50; n++) expect((await other.send(n, "echo")).status).toBe(200);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
  response.resume();
  expect(String(await broken)).toContain("aborted");
});
