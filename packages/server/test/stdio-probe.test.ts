import { expect, test } from "vitest";

import {
  isAlive,
  modernCaller,
  openBridge,
  openSession,
  scriptedModern,
  type Answer,
  type Bridge,
} from "./stdio-harness.ts";

const said = async (response: Response): Promise<unknown[]> => {
  const { error, result } = (await response.json()) as Partial<Answer>;
  return [response.status, error?.code, result?.["pid"] !== undefined];
};
const MODERN = [200, undefined, true];
const LEGACY = [400, -32_000, false];
const started = ({ log }: Bridge): number => log.filter((one) => one.message === "child started").length;

test("a backend is asked for its era once, in a child that is thrown away, however many ask at once", async () => {
  await using bridge = await openBridge(scriptedModern());
  const ann = modernCaller(bridge.url);
  const responses = await Promise.all(Array.from({ length: 20 }, (_, id) => ann.send(id, "echo")));
  expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
  // The one that was asked, and the one that answers.
  expect(started(bridge)).toBe(2);
  expect((await ann.ask(1, "seen")).result["seen"]).toHaveLength(21);
  await expect.poll(() => bridge.upstream.childCount).toBe(1);
});

test.each(["legacy", "dies-on-probe", "dies-at-once"])(
  "a backend that knows no modern era (%s) is told of as one, and its sessions are not touched",
  async (vice) => {
    await using bridge = await openBridge(scriptedModern(vice));
    const ann = modernCaller(bridge.url);
    expect(await said(await ann.send(1, "echo"))).toEqual(LEGACY);
    expect(await said(await ann.send(1, "echo"))).toEqual(LEGACY);
    expect(started(bridge)).toBe(1);
    await expect.poll(() => bridge.upstream.childCount).toBe(0);
  },
);

test("a backend that says nothing counts as one of the legacy era, for a short time only", async () => {
  const verdictTtl = { modern: 60_000, legacy: 60_000, silent: 0 };
  await using bridge = await openBridge({ ...scriptedModern("silent"), tuning: { probeLimit: 200, verdictTtl } });
  const ann = modernCaller(bridge.url);
  expect(await said(await ann.send(1, "echo"))).toEqual(LEGACY);
  expect(await said(await ann.send(1, "echo"))).toEqual(LEGACY);
  expect(started(bridge)).toBe(2);
});

test("what was found out is asked again after a while", async () => {
  let offset = 0;
  const clock = { now: () => Date.now(), elapsed: () => performance.now() + offset };
  await using bridge = await openBridge({ ...scriptedModern("legacy"), tuning: { clock } });
  const ann = modernCaller(bridge.url);
  await ann.send(1, "echo");
  offset += 599_000;
  await ann.send(1, "echo");
  expect(started(bridge)).toBe(1);
  offset += 2_000;
  await ann.send(1, "echo");
  expect(started(bridge)).toBe(2);
});

test("a backend of a later revision is of the modern era, and says which it speaks", async () => {
  await using bridge = await openBridge(scriptedModern("only-later"));
  const response = await modernCaller(bridge.url).send(1, "echo");
  expect(response.status).toBe(400);
  const data = { supported: ["2027-01-01"], requested: "2026-07-28" };
  expect(await response.json()).toMatchObject({ error: { code: -32_022, data } });
});

test("era: legacy asks nothing; every modern request is answered as by a server of that era", async () => {
  await using bridge = await openBridge({ ...scriptedModern(), era: "legacy" });
  expect(await said(await modernCaller(bridge.url).send(1, "echo"))).toEqual(LEGACY);
  expect(started(bridge)).toBe(0);
});

test("era: modern believes no other answer, and refuses sessions as such a server does", async () => {
  await using bridge = await openBridge({ ...scriptedModern("legacy"), era: "modern" });
  expect(await said(await modernCaller(bridge.url).send(1, "echo"))).toEqual(MODERN);
  await expect(openSession(bridge.url)).rejects.toThrow(
    'no session: 400 {"jsonrpc":"2.0","id":0,"error":{"code":-32022',
  );
  const post = (message: object): Promise<Response> =>
    modernCaller(bridge.url).post(message, { "mcp-protocol-version": "" });
  expect((await post({ jsonrpc: "2.0", method: "notifications/initialized" })).status).toBe(202);
  expect(await said(await post({ jsonrpc: "2.0", id: 1, result: {} }))).toEqual([400, -32_600, false]);
  expect((await fetch(bridge.url, { headers: { accept: "text/event-stream" } })).status).toBe(405);
});

test("both eras of one backend have children of their own", async () => {
  await using bridge = await openBridge();
  const session = await openSession(bridge.url);
  // It answers no discovery: for a modern caller there is nothing, the session lives on.
  expect(await said(await modernCaller(bridge.url).send(1, "echo"))).toEqual(LEGACY);
  expect(await session.ask(1, "ping")).toEqual({ jsonrpc: "2.0", id: 1, result: {} });
  expect(isAlive(session.pid)).toBe(true);
});

test("close ends a child that is being asked", async () => {
  await using bridge = await openBridge(scriptedModern("silent"));
  const asking = modernCaller(bridge.url).send(1, "echo");
  await expect.poll(() => started(bridge)).toBe(1);
  await bridge.upstream.close();
  expect(bridge.upstream.childCount).toBe(0);
  expect(await said(await asking)).toEqual(LEGACY);
});
