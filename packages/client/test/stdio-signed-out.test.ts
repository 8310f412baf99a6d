import { expect, test } from "vitest";

import { json, type Answer } from "./backend.ts";
import { Person, REASON } from "./person.ts";
import { CALL, errorLine, events, INITIALIZE, INITIALIZED, legacy, RESULT, startApp, type App } from "./stdio-app.ts";

const LIST_CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';
const PING = '{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}';

async function start(answer: Answer): Promise<App & { person: Person }> {
  const person = new Person();
  return { ...(await startApp(answer, { authMode: "auto" }, person)), person };
}

/** The handshake of an app for which nobody is signed in. */
async function begin({ say, hear, person }: App & { person: Person }): Promise<void> {
  person.stayAway();
  say(INITIALIZE);
  expect(JSON.parse(await hear())).toMatchObject({
    id: 0,
    result: { protocolVersion: "2025-11-25", capabilities: { tools: { listChanged: true } }, instructions: REASON },
  });
  say(INITIALIZED);
}

test("an app that comes while nobody is signed in is answered, and goes on at the server after the sign-in", async () => {
  const app = await start(
    legacy(events(`data: ${RESULT}\n\n`), (_, response) => {
      response
        .writeHead(200, { "content-type": "text/event-stream" })
        .write('data: {"jsonrpc":"2.0","method":"x"}\n\n');
    }),
  );
  const { say, hear, person, backend } = app;
  await begin(app);
  say(PING, '{"jsonrpc":"2.0","method":"notifications/x"}', '{"jsonrpc":"2.0","id":1,"result":{}}', CALL);
  expect(await hear()).toBe('{"jsonrpc":"2.0","id":12345678901234567890,"result":{}}');
  expect(errorLine(await hear())).toEqual({ id: "c", code: 40101, message: REASON });
  expect(backend.seen).toEqual([]);

  person.signIn();
  expect(await hear()).toBe(LIST_CHANGED);
  // The server's own stream is open from then on.
  expect(await hear()).toBe('{"jsonrpc":"2.0","method":"x"}');
  say(CALL);
  expect(await hear()).toBe(RESULT);
  expect(backend.seen.map(({ method, body }) => body || method)).toEqual([INITIALIZE, INITIALIZED, "GET", CALL]);
  const said = { "mcp-session-id": "s-1", "mcp-protocol-version": "2025-06-18" };
  for (const { headers } of backend.seen.slice(1)) expect(headers).toMatchObject(said);
  expect(backend.seen[3]?.headers["authorization"]).toBe("Bearer token-of-a-person");
});

test("a first message waits for the sign-in under way, nothing overtakes it, and the server itself answers", async () => {
  const { say, hear, person, backend } = await start(legacy(events(`data: ${RESULT}\n\n`)));
  say(INITIALIZE, INITIALIZED, CALL);
  await expect.poll(() => person.waits).toEqual([20_000]);
  person.signIn();
  expect(await hear()).toContain('"protocolVersion":"2025-06-18"');
  expect(await hear()).toBe(RESULT);
  expect(backend.seen.map(({ body }) => body).filter(Boolean)).toEqual([INITIALIZE, INITIALIZED, CALL]);
});

test("a server that does not take the session on: -32001, and the app may begin again", async () => {
  const app = await start(json(500, {}));
  const { say, hear, person, backend, log } = app;
  await begin(app);
  person.signIn();
  await expect.poll(() => log.lines.join("\n")).toContain("the app must begin again");
  say(CALL);
  expect(errorLine(await hear())).toEqual({ id: "c", code: -32_001, message: "session not found" });
  backend.answer = legacy(events(`data: ${RESULT}\n\n`));
  say(INITIALIZE);
  expect(await hear()).toContain('"protocolVersion":"2025-06-18"');
  say(INITIALIZED, CALL);
  expect(await hear()).toBe(RESULT);
});

test("the end of the handshake may come after the sign-in", async () => {
  const { say, hear, person, backend } = await start(legacy(events(`data: ${RESULT}\n\n`)));
  person.stayAway();
  say(INITIALIZE);
  expect(await hear()).toContain(REASON);
  person.signIn();
  expect(await hear()).toBe(LIST_CHANGED);
  say(INITIALIZED, CALL);
  expect(await hear()).toBe(RESULT);
  expect(backend.seen.map(({ body }) => body).filter(Boolean)).toEqual([INITIALIZE, INITIALIZED, CALL]);
});
