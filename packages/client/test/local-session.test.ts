import { Client as DualClient, StreamableHTTPClientTransport as DualTransport } from "@modelcontextprotocol/client";
import { Client as McpClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect, onTestFinished, test } from "vitest";

import type { Answer } from "./backend.ts";
import {
  answers,
  begin,
  DISCOVER,
  errorOf,
  INITIALIZE,
  INITIALIZED,
  inSession,
  LIST,
  LISTED,
  NOT_FOUND,
  PING,
  start,
} from "./local-app.ts";
import { startMcpPeer } from "./peers.ts";
import { REASON } from "./person.ts";
import { startSignedOut } from "./signed-out.ts";
import { listen, post, speak, type Spoken } from "./speak.ts";

test("a real app that comes while nobody is signed in comes alive after the sign-in, without a restart", async () => {
  await using peer = await startMcpPeer();
  const { client, person } = await startSignedOut(peer.url);
  person.stayAway();
  const app = new McpClient({ name: "app", version: "1" });
  const changes: unknown[] = [];
  app.setNotificationHandler(ToolListChangedNotificationSchema, (one) => void changes.push(one));
  const transport = new StreamableHTTPClientTransport(new URL("/v1/peer", client.url));
  await app.connect(transport);
  onTestFinished(() => app.close());

  expect(app.getInstructions()).toBe(REASON);
  expect(app.getServerVersion()).toMatchObject({ name: "smcp", title: "smcp: sign-in needed" });
  expect(app.getServerCapabilities()).toEqual({ tools: { listChanged: true } });
  expect(transport.protocolVersion).toBe("2025-11-25");
  await app.ping();
  await expect(app.listTools()).rejects.toMatchObject({
    code: 40101,
    message: expect.stringContaining(REASON) as string,
  });
  expect(peer.opened).toEqual([]);

  person.signIn();
  await expect.poll(() => changes).toHaveLength(1);
  expect((await app.listTools()).tools.map(({ name }) => name)).toEqual(["echo", "count", "ask", "grow"]);
  const echoed = await app.callTool({ name: "echo", arguments: { text: "ä" } });
  expect(echoed.content).toEqual([{ type: "text", text: '{"text":"ä"}' }]);
  // What the server says by itself comes on the stream that was open all the time.
  while (changes.length < 2) await app.callTool({ name: "grow" });
  expect(peer.opened).toHaveLength(1);
  expect(new Set(peer.authorizations)).toEqual(new Set(["Bearer token-of-a-person"]));

  await transport.terminateSession();
  expect(peer.ended).toEqual(peer.opened);
  expect(person.listeners).toBe(0);
});

test("a real app of both eras asks in the modern one first, falls back, and comes alive too", async () => {
  await using peer = await startMcpPeer();
  const { client, person } = await startSignedOut(peer.url);
  person.stayAway();
  const { promise: changed, resolve } = Promise.withResolvers<void>();
  const app = new DualClient(
    { name: "app", version: "1" },
    {
      versionNegotiation: { mode: "auto" },
      listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: () => resolve() } },
    },
  );
  await app.connect(new DualTransport(new URL("/v1/peer", client.url)));
  onTestFinished(() => app.close());
  expect(app.getInstructions()).toBe(REASON);
  // Its second question did not wait again.
  expect(person.waits).toEqual([20_000]);
  person.signIn();
  await changed;
  expect((await app.listTools()).tools).toHaveLength(4);
});

test("a first message waits up to 20 s for the sign-in under way, and is then answered by the server itself", async () => {
  const setup = await start();
  const { client, person, backend } = setup;
  const waiting = post(client.url, "/v1/docs", INITIALIZE);
  await expect.poll(() => person.waits).toEqual([20_000]);
  expect(backend.seen).toEqual([]);
  person.signIn();
  const answer = await waiting;
  expect(answer.headers["mcp-session-id"]).toBe("s-1");
  expect(answer.body).toContain('"serverInfo":{"name":"s","version":"1"}');
  expect(backend.seen).toHaveLength(1);
});

test("server/discover waits too and is then 40101; the same app's initialize does not wait again, its next one does", async () => {
  const { client, person, backend } = await start();
  const waiting = post(client.url, "/v1/docs", DISCOVER);
  await expect.poll(() => person.waits).toEqual([20_000]);
  person.stayAway();
  const answer = await waiting;
  expect(answer).toMatchObject({ status: 200 });
  expect(errorOf(answer)).toEqual({ code: 40101, message: REASON });
  expect((await post(client.url, "/v1/docs", INITIALIZE)).headers["mcp-session-id"]).toMatch(/^smcp-local-/);
  expect(person.waits).toHaveLength(1);
  await post(client.url, "/v1/docs", INITIALIZE);
  expect(person.waits).toHaveLength(2);
  expect(backend.seen).toEqual([]);
});

test("an app that gives up waiting for its discover waits for the rest of the time only", async () => {
  const { client, person } = await start();
  const discover = post(client.url, "/v1/docs", DISCOVER);
  await expect.poll(() => person.waits).toHaveLength(1);
  const initialize = post(client.url, "/v1/docs", INITIALIZE);
  await expect.poll(() => person.waits).toHaveLength(2);
  expect(person.waits[1]).toBeLessThan(20_000);
  person.signIn();
  expect((await initialize).headers["mcp-session-id"]).toBe("s-1");
  await discover;
});

test("initialize is answered word for word as the contract says, whatever version it asks for", async () => {
  const { client, person, backend } = await start(undefined, { maxBody: 200_000 });
  person.stayAway();
  for (const version of ["2024-11-05", "2025-06-18", "2099-01-01"]) {
    const answer = await post(client.url, "/v1/docs", INITIALIZE.replace("2025-11-25", version));
    expect(answer).toMatchObject({ status: 200, headers: { "content-type": "application/json" } });
    expect(answer.body).toMatch(/^\{"jsonrpc":"2\.0","id":"i\\u0031","result":/);
    expect(JSON.parse(answer.body)).toEqual({
      jsonrpc: "2.0",
      id: "i1",
      result: {
        protocolVersion: version,
        capabilities: { tools: { listChanged: true } },
        serverInfo: { name: "smcp", title: "smcp: sign-in needed", version: expect.any(String) as string },
        instructions: REASON,
      },
    });
  }
  for (const without of ['{"jsonrpc":"2.0","id":1,"method":"initialize"}', INITIALIZE.replace('"2025-11-25"', "7")]) {
    expect(errorOf(await post(client.url, "/v1/docs", without))).toEqual({ code: 40101, message: REASON });
  }
  const large = INITIALIZE.replace('"app"', `"${"x".repeat(70_000)}"`);
  expect(errorOf(await post(client.url, "/v1/docs", large))).toEqual({ code: 40101, message: REASON });
  expect(backend.seen).toEqual([]);
});

test("in the session: ping is {}, notifications and responses 202, other requests 40101, DELETE 200", async () => {
  const setup = await start();
  const { client, backend } = setup;
  const id = await begin(setup);
  const say = (body: string): Promise<Spoken> => post(client.url, "/v1/docs", body, inSession(id));
  expect(await say(PING)).toMatchObject({
    status: 200,
    body: '{"jsonrpc":"2.0","id":12345678901234567890,"result":{}}',
    headers: { "content-type": "application/json" },
  });
  expect(await say('{"jsonrpc":"2.0","method":"notifications/cancelled"}')).toMatchObject({ status: 202, body: "" });
  expect(await say('{"jsonrpc":"2.0","id":1,"result":{}}')).toMatchObject({ status: 202, body: "" });
  const refused = await say(LIST);
  expect(refused.status).toBe(200);
  expect(errorOf(refused)).toEqual({ code: 40101, message: REASON });
  expect((await say("not JSON")).status).toBe(400);
  expect(await speak(client.url, { path: "/v1/docs", method: "DELETE", headers: inSession(id) })).toMatchObject({
    status: 200,
  });
  expect(backend.seen).toEqual([]);
});

test("a GET stays open with comments; after the sign-in it says that the tools changed and becomes the server's stream", async () => {
  let stream: { write: (text: string) => void } | undefined;
  const setup = await start((request, response, incoming) => {
    if (request.method !== "GET") {
      answers("s-1")(request, response, incoming);
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream", "mcp-session-id": "s-1" });
    response.flushHeaders();
    stream = response;
  });
  const { client, person, backend } = setup;
  const id = await begin(setup);
  const heard = await listen(client.url, "/v1/docs", inSession(id, { accept: "text/event-stream" }));
  expect(heard.status).toBe(200);
  expect(heard.headers["content-type"]).toBe("text/event-stream");
  await heard.until(": waiting for the sign-in\n\n");
  expect(backend.seen).toEqual([]);

  person.signIn();
  await heard.until('event: message\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n');
  await expect.poll(() => stream).toBeDefined();
  stream?.write('id: 7\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\n\n');
  await heard.until('id: 7\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\n\n');
  expect(backend.seen.map(({ method, body }) => [method, body])).toEqual([
    ["POST", INITIALIZE],
    ["POST", INITIALIZED],
    ["GET", ""],
  ]);
  expect(backend.seen.map(({ headers }) => headers["mcp-session-id"])).toEqual([undefined, "s-1", "s-1"]);
  expect(backend.seen[2]?.headers).toMatchObject({
    authorization: "Bearer token-of-a-person",
    accept: "text/event-stream",
  });
});

test("a server without a stream of its own leaves the app's open", async () => {
  const setup = await start();
  const id = await begin(setup);
  const heard = await listen(setup.client.url, "/v1/docs", inSession(id));
  setup.person.signIn();
  await heard.until("notifications/tools/list_changed");
  await expect.poll(() => setup.backend.seen.at(-1)?.method).toBe("GET");
  expect((await post(setup.client.url, "/v1/docs", LIST, inSession(id))).body).toBe(LISTED);
  expect(heard.isOver).toBe(false);
});

test("who opens a stream only after the sign-in is told of the change there, once", async () => {
  const setup = await start();
  const id = await begin(setup);
  setup.person.signIn();
  expect((await post(setup.client.url, "/v1/docs", LIST, inSession(id))).body).toBe(LISTED);
  const heard = await listen(setup.client.url, "/v1/docs", inSession(id));
  await heard.until("notifications/tools/list_changed");
  expect((await speak(setup.client.url, { path: "/v1/docs", headers: inSession(id) })).status).toBe(405);
});

test("the session's id and version are mapped both ways for its life; other headers and bodies pass as they are", async () => {
  const setup = await start(answers("s-1", "2025-06-18"));
  const { client, backend, person } = setup;
  const id = await begin(setup);
  person.signIn();
  const headers = inSession(id, { "mcp-protocol-version": "2025-11-25", "x-github-token": "t" });
  const answer = await post(client.url, "/v1/docs?a=b", LIST, headers);
  expect(answer).toMatchObject({ status: 200, body: LISTED });
  expect(answer.headers["mcp-session-id"]).toBe(id);
  expect(backend.seen.map(({ body }) => body)).toEqual([INITIALIZE, INITIALIZED, LIST]);
  const said = { "mcp-session-id": "s-1", "mcp-protocol-version": "2025-06-18" };
  expect(backend.seen[1]?.headers).toMatchObject(said);
  expect(backend.seen[2]).toMatchObject({ url: "/v1/docs?a=b", headers: { ...said, "x-github-token": "t" } });
  // A version that the app never agreed on is its own affair.
  await post(client.url, "/v1/docs", LIST, inSession(id, { "mcp-protocol-version": "2025-03-26" }));
  expect(backend.seen.at(-1)?.headers["mcp-protocol-version"]).toBe("2025-03-26");
  expect(await speak(client.url, { path: "/v1/docs", method: "DELETE", headers: inSession(id) })).toMatchObject({
    status: 200,
  });
  expect(backend.seen.at(-1)).toMatchObject({ method: "DELETE", headers: { "mcp-session-id": "s-1" } });
});

test("a server that keeps no sessions gets no session id", async () => {
  const setup = await start(answers(undefined));
  const id = await begin(setup);
  setup.person.signIn();
  expect((await post(setup.client.url, "/v1/docs", LIST, inSession(id))).body).toBe(LISTED);
  expect(setup.backend.seen.map(({ headers }) => headers["mcp-session-id"])).toEqual([undefined, undefined, undefined]);
});

const REPLAYS_THAT_FAIL: readonly (readonly [string, Answer])[] = [
  [
    "answers with an error",
    ({ body }, response) =>
      void response.end(
        body === INITIALIZE ? '{"jsonrpc":"2.0","id":"i\\u0031","error":{"code":1,"message":"x"}}' : "{}",
      ),
  ],
  ["answers with a status", (_, response) => response.writeHead(500).end()],
  ["breaks off", (_, response) => response.destroy()],
  [
    "refuses the end of the handshake",
    (request, response, incoming) => {
      if (request.body === INITIALIZED) response.writeHead(400).end();
      else answers("s-1")(request, response, incoming);
    },
  ],
];

for (const [title, answer] of REPLAYS_THAT_FAIL) {
  test(`a server that ${title} when the session is taken to it: 404, -32001, streams end, and the app begins again`, async () => {
    const setup = await start(answer);
    const { client, person, log, backend } = setup;
    const id = await begin(setup);
    const heard = await listen(client.url, "/v1/docs", inSession(id));
    person.signIn();
    await heard.ended;
    for (const body of [LIST, PING]) {
      const answered = await post(client.url, "/v1/docs", body, inSession(id));
      expect(answered.status).toBe(404);
      expect(errorOf(answered)).toEqual(NOT_FOUND);
    }
    expect((await speak(client.url, { path: "/v1/docs", headers: inSession(id) })).status).toBe(404);
    expect(log.lines.join("\n")).toContain("the server did not take on an app's session: the app must begin again");
    backend.answer = answers("s-2");
    expect((await post(client.url, "/v1/docs", INITIALIZE)).headers["mcp-session-id"]).toBe("s-2");
  });
}

test("a session that the server forgets is 404, and its id is the server's from then on", async () => {
  const setup = await start();
  const { client, person, backend } = setup;
  const id = await begin(setup);
  person.signIn();
  await post(client.url, "/v1/docs", LIST, inSession(id));
  backend.answer = (_, response) => response.writeHead(404).end();
  expect((await post(client.url, "/v1/docs", LIST, inSession(id))).status).toBe(404);
  expect((await post(client.url, "/v1/docs", LIST, inSession(id))).status).toBe(404);
  expect(backend.seen.at(-1)?.headers["mcp-session-id"]).toBe(id);
});

test("signed out again, a session that went on at the server is told 40101 and goes on after the next sign-in", async () => {
  const setup = await start();
  const { client, person, backend } = setup;
  const id = await begin(setup);
  person.signIn();
  await post(client.url, "/v1/docs", LIST, inSession(id));
  person.signOut();
  expect(errorOf(await post(client.url, "/v1/docs", LIST, inSession(id)))).toEqual({ code: 40101, message: REASON });
  person.signIn("token-2");
  expect((await post(client.url, "/v1/docs", LIST, inSession(id))).body).toBe(LISTED);
  expect(backend.seen.filter(({ body }) => body === INITIALIZE)).toHaveLength(1);
});

test("a sign-in that nobody told of is noticed by the next request", async () => {
  const setup = await start();
  const { client, person } = setup;
  const id = await begin(setup);
  const hooks = person.onSignedIn(() => undefined);
  hooks();
  Object.assign(person, { get: () => Promise.resolve(undefined) });
  expect((await post(client.url, "/v1/docs", LIST, inSession(id))).body).toBe(LISTED);
});

test("--auth-mode none: nobody will sign in, so initialize is refused like anything else", async () => {
  const { client, person } = await start(undefined, { authMode: "none" });
  person.stayAway();
  expect(errorOf(await post(client.url, "/v1/docs", INITIALIZE))).toEqual({ code: 40101, message: REASON });
  expect(person.waits).toEqual([]);
});
