/** How many local sessions there are, for how long, and what they cost. */
import { connect } from "node:net";

import { isRefusal, readMessageText, silentLog } from "@smcp/core";
import { expect, onTestFinished, test, vi } from "vitest";

import { openGateway, type Gateway } from "../src/gateway.ts";
import { LocalSessions } from "../src/local/sessions.ts";
import { Metrics } from "../src/metrics.ts";
import { Board } from "../src/status/board.ts";
import { startBackend } from "./backend.ts";
import { answers, begin, errorOf, INITIALIZE, inSession, LIST, LISTED, PING, start } from "./local-app.ts";
import { Person } from "./person.ts";
import { settingsFor } from "./settings.ts";
import { listen, post, speak, type Spoken } from "./speak.ts";

/** The way to a server, without a client around it. */
async function bareGateway(): Promise<{ gateway: Gateway; person: Person }> {
  const backend = await startBackend(answers("s-1"));
  const person = new Person();
  const parts = { tokens: person, metrics: new Metrics(), board: new Board(), log: silentLog, trust: undefined };
  const gateway = openGateway(settingsFor(backend.url), parts);
  onTestFinished(async () => {
    gateway.pool.destroy();
    await backend[Symbol.asyncDispose]();
  });
  return { gateway, person };
}

test("100 requests at the moment of the sign-in are one replay", async () => {
  const setup = await start();
  const { client, person, backend } = setup;
  const id = await begin(setup);
  person.signIn();
  const all = await Promise.all(Array.from({ length: 100 }, () => post(client.url, "/v1/docs", LIST, inSession(id))));
  expect(new Set(all.map(({ body }) => body))).toEqual(new Set([LISTED]));
  expect(backend.seen.filter(({ body }) => body === INITIALIZE)).toHaveLength(1);
});

async function come(url: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  await (await fetch(`${url}/v1/docs`, { method: "POST", headers, body: INITIALIZE })).text();
}

test("there are 256 sessions at most: the one that was not used for longest goes, unless its app listens", async () => {
  const setup = await start();
  const { client, person } = setup;
  const first = await begin(setup);
  const heard = await listen(client.url, "/v1/docs", inSession(first));
  const second = await begin(setup);
  const third = await begin(setup);
  // Over few connections: each new one costs a look at whose it is.
  for (let n = 0; n < 127; n++) await Promise.all([come(client.url), come(client.url)]);
  const ping = (id: string): Promise<Spoken> => post(client.url, "/v1/docs", PING, inSession(id));
  expect((await ping(first)).body).toContain('"result":{}');
  expect(errorOf(await ping(second))).toMatchObject({ code: 40101 });
  expect((await ping(third)).body).toContain('"result":{}');
  expect(heard.isOver).toBe(false);
  expect(person.listeners).toBe(1);
});

test("a session that nobody uses is forgotten after an hour, one that goes on at the server after a day", async () => {
  const { gateway, person } = await bareGateway();
  onTestFinished(() => void vi.useRealTimers());
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  const sessions = new LocalSessions(gateway);
  const open = async (): Promise<Map<string, string>> => {
    const message = readMessageText(INITIALIZE);
    const refusal = await person.get();
    if (isRefusal(message) || !isRefusal(refusal)) throw new Error("not what a first message finds");
    const sent = { message, path: "/v1/docs", headers: [] };
    const welcome = await sessions.welcome({ ...sent, refusal, isRepeated: true, isGone: () => false });
    return new Map([["mcp-session-id", (welcome as { session: { id: string } }).session.id]]);
  };
  const waiting = await open();
  vi.advanceTimersByTime(59 * 60_000);
  expect(sessions.find(waiting)).toBeDefined();
  vi.advanceTimersByTime(3 * 60_000);
  expect(sessions.find(waiting)).toBeUndefined();
  expect(person.listeners).toBe(0);
  const live = await open();
  person.signIn();
  await sessions.find(live)?.revive();
  vi.advanceTimersByTime(23 * 3_600_000);
  expect(sessions.find(live)).toBeDefined();
  vi.advanceTimersByTime(2 * 3_600_000);
  expect(sessions.find(live)).toBeUndefined();
  expect(person.listeners).toBe(0);
});

test("an app that leaves while it waits leaves nothing behind", async () => {
  const { client, person } = await start();
  const { port, host } = new URL(client.url);
  const socket = connect(Number(port), "127.0.0.1");
  const head = `host: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${INITIALIZE.length}\r\n\r\n`;
  socket.write(`POST /v1/docs HTTP/1.1\r\n${head}${INITIALIZE}`);
  await expect.poll(() => person.waits).toHaveLength(1);
  socket.destroy();
  // Whoever comes next is served: by then the client has seen the other one leave.
  await speak(client.url, { path: "/health" });
  person.stayAway();
  await speak(client.url, { path: "/health" });
  expect(person.listeners).toBe(0);
});
