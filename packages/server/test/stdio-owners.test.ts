import { Secret } from "@smcp/core";
import { signingIssuer, startTestServer, stdioBackend, trust, type TestServer } from "@smcp/testing";
import { expect, test } from "vitest";

import {
  caller,
  fixture,
  INITIALIZE,
  modernCaller,
  type Answer,
  type Caller,
  type ModernCaller,
} from "./stdio-harness.ts";

interface House extends AsyncDisposable {
  readonly server: TestServer;
  /** Headers that say who asks. */
  as(subject: string): Promise<Record<string, string>>;
}

async function open(maxChildren = 20): Promise<House> {
  const issuer = await signingIssuer();
  const more = { maxChildren };
  const server = await startTestServer({
    backends: [
      stdioBackend("old", process.execPath, [fixture("stdio-scripted.js")], more),
      stdioBackend("new", process.execPath, [fixture("stdio-modern.js")], more),
    ],
    issuers: [trust(issuer.issuer)],
    server: { sessionKey: new Secret("0123456789abcdef0123456789abcdef") },
  });
  await expect.poll(async () => (await fetch(`${server.url}/readyz`)).status).toBe(200);
  return {
    server,
    as: async (sub) => ({ authorization: `Bearer ${await issuer.token({ sub })}` }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await issuer[Symbol.asyncDispose]();
    },
  };
}

type Opened = Caller & { readonly session: string };

const opened = async (url: string, who: Record<string, string>): Promise<Opened> => {
  const response = await caller(url).post(INITIALIZE, who);
  const session = response.headers.get("mcp-session-id");
  if (session === null) throw new Error(`no session: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
  return { ...caller(url, session), session };
};
const ping = { jsonrpc: "2.0", id: 1, method: "ping" };

test("a session is its owner's: with it another caller finds nothing, and its child hears of nothing", async () => {
  await using house = await open();
  const url = `${house.server.url}/old`;
  const [ann, bob] = await Promise.all([house.as("ann"), house.as("bob")]);
  const session = await opened(url, ann);
  expect((await session.post(ping, ann)).status).toBe(200);
  const stolen = caller(url, session.session);
  for (const response of [await stolen.post(ping, bob), await stolen.get(bob)]) {
    expect(response.status).toBe(404);
    expect(((await response.json()) as Answer).error).toMatchObject({ code: -32_001, message: "session not found" });
  }
  const headers = { ...bob, "mcp-session-id": session.session };
  expect((await fetch(url, { method: "DELETE", headers })).status).toBe(404);
  const cancelled = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } };
  expect((await stolen.post(cancelled, bob)).status).toBe(404);
  const answer = (await (await session.post({ ...ping, method: "seen" }, ann)).json()) as Answer;
  expect((answer.result["seen"] as string[]).map((line) => (JSON.parse(line) as typeof ping).method)).toEqual([
    "initialize",
    "ping",
    "seen",
  ]);
});

test("a session id that a caller made up, or brings along to initialize, is nothing", async () => {
  await using house = await open();
  const url = `${house.server.url}/old`;
  const ann = await house.as("ann");
  expect((await caller(url, "fixed").post(ping, ann)).status).toBe(404);
  const response = await caller(url, "fixed").post(INITIALIZE, ann);
  // A handshake has no session yet: whatever it brings is not looked at, or refused.
  expect([200, 404]).toContain(response.status);
  expect(response.headers.get("mcp-session-id")).not.toBe("fixed");
});

test("one caller cannot have all children; of its own the one that it left alone for longest makes room", async () => {
  await using house = await open(6);
  const url = `${house.server.url}/old`;
  const [ann, bob] = await Promise.all([house.as("ann"), house.as("bob")]);
  const sessions = [];
  for (let n = 0; n < 4; n++) sessions.push(await opened(url, ann));
  const [first, second, third, fourth] = sessions as [Opened, Opened, Opened, Opened];
  await first.post(ping, ann);
  await opened(url, ann);
  expect((await second.post(ping, ann)).status).toBe(404);
  // What listens or works stays.
  const streams = await Promise.all([first, third, fourth].map((one) => one.get(ann)));
  await opened(url, ann);
  const fifth = await opened(url, ann);
  await fifth.get(ann);
  const refused = await caller(url).post(INITIALIZE, ann);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "5"]);
  expect(((await refused.json()) as Answer).error).toMatchObject({
    code: 42_901,
    message: 'the backend "old" runs as many sessions as it may',
  });
  expect(streams.map(({ status }) => status)).toEqual([200, 200, 200]);
  await expect.poll(async () => (await caller(url).post(INITIALIZE, bob)).status, { timeout: 10_000 }).toBe(200);
});

const modern = async (house: House, subject: string): Promise<ModernCaller["send"]> => {
  const who = await house.as(subject);
  const own = modernCaller(`${house.server.url}/new`);
  return (id, method, params) => own.send(id, method, params, { headers: who });
};
const pid = async (send: ModernCaller["send"]): Promise<unknown> =>
  ((await (await send(0, "echo")).json()) as Answer).result["pid"];

test("in the modern era callers have children of their own, whatever ids they choose", async () => {
  await using house = await open();
  const [ann, bob] = await Promise.all([modern(house, "ann"), modern(house, "bob")]);
  const pids = await Promise.all([pid(ann), pid(bob), pid(ann), pid(bob)]);
  expect(new Set(pids).size).toBe(2);
  expect([pids[0], pids[1]]).toEqual([pids[2], pids[3]]);
  // Another app's cancellation of "its" 0 must not reach the call that somebody else's 0 is.
  const held = ann(0, "hold", { name: "x" });
  const cancelled = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 0 } };
  const other = modernCaller(`${house.server.url}/new`);
  for (const who of ["ann", "bob"]) expect((await other.post(cancelled, await house.as(who))).status).toBe(202);
  await ann(1, "release", { name: "x" });
  expect((await held).status).toBe(200);
});
