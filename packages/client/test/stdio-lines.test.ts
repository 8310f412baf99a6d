import { PassThrough, Writable } from "node:stream";

import { expect, test } from "vitest";

import { startClient } from "../src/index.ts";
import { json, startBackend } from "./backend.ts";
import { keepLog } from "./log.ts";
import { settingsFor } from "./settings.ts";
import { AGREED, CALL, events, INITIALIZE, INITIALIZED, legacy, RESULT, startApp } from "./stdio-app.ts";

test("legacy: the session and the agreed revision go with every request, not with the first", async () => {
  const { client, backend, say, hear, stdin } = await startApp(legacy(events(`data: ${RESULT}\n\n`)));
  say(INITIALIZE);
  expect(await hear()).toBe(AGREED);
  say(INITIALIZED, CALL);
  expect(await hear()).toBe(RESULT);
  stdin.end();
  await client.done;
  const seen = backend.seen.map(({ method, url, headers, body }) => [
    method,
    url,
    body,
    headers["mcp-session-id"],
    headers["mcp-protocol-version"],
    headers["accept"],
  ]);
  const both = "application/json, text/event-stream";
  expect(seen.slice(0, 2)).toEqual([
    ["POST", "/v1/docs", INITIALIZE, undefined, undefined, both],
    ["POST", "/v1/docs", INITIALIZED, "s-1", "2025-06-18", both],
  ]);
  // The stream and the call go side by side.
  expect(seen.slice(2, 4)).toContainEqual(["POST", "/v1/docs", CALL, "s-1", "2025-06-18", both]);
  expect(seen.slice(2, 4)).toContainEqual(["GET", "/v1/docs", "", "s-1", "2025-06-18", "text/event-stream"]);
  expect(seen.slice(4)).toEqual([["DELETE", "/v1/docs", "", "s-1", "2025-06-18", "application/json"]]);
  expect(backend.seen[2]?.headers["mcp-method"]).toBeUndefined();
});

test("nothing overtakes the handshake", async () => {
  const slow = Promise.withResolvers<void>();
  const { backend, say, hear } = await startApp(
    legacy(events(`data: ${RESULT}\n\n`), (_, response) => response.writeHead(405).end()),
  );
  const { answer } = backend;
  backend.answer = (request, response, incoming) => {
    if (request.body !== INITIALIZE) answer(request, response, incoming);
    else void slow.promise.then(() => answer(request, response, incoming));
  };
  say(INITIALIZE, INITIALIZED, CALL);
  await expect.poll(() => backend.seen.length).toBe(1);
  slow.resolve();
  expect(await hear()).toBe(AGREED);
  expect(await hear()).toBe(RESULT);
  expect(backend.seen.map((one) => one.body).filter(Boolean)).toEqual([INITIALIZE, INITIALIZED, CALL]);
});

test("modern: version, method and name stand in headers, encoded where a header cannot hold them", async () => {
  const { client, backend, say, hear, stdin } = await startApp((request, response) => {
    const { id } = JSON.parse(request.body) as { id: number };
    response
      .writeHead(200, { "content-type": "application/json", "mcp-session-id": "s" })
      .end(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
  });
  const meta = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}';
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ["tools/list", "", undefined],
    ["tools/call", '"name":"get_weather",', "get_weather"],
    ["tools/call", '"name":"grüße",', "=?base64?Z3LDvMOfZQ==?="],
    ["tools/call", '"name":" x",', "=?base64?IHg=?="],
    ["tools/call", '"name":"=?base64?eA==?=",', "=?base64?PT9iYXNlNjQ/ZUE9PT89?="],
    ["tools/call", '"name":"a\\r\\nx-evil: 1",', "=?base64?YQ0KeC1ldmlsOiAx?="],
    ["resources/read", '"uri":"file:///a b",', "file:///a b"],
    ["tasks/get", '"taskId":"t",', "t"],
  ];
  for (const [id, [method, parameter]] of cases.entries()) {
    say(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{${parameter}${meta}}}`);
    expect(await hear()).toBe(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
  }
  const seen = backend.seen.map(({ headers }) => [headers["mcp-method"], headers["mcp-name"]]);
  expect(seen).toEqual(cases.map(([method, , name]) => [method, name]));
  for (const { headers } of backend.seen) {
    expect(headers["mcp-protocol-version"]).toBe("2026-07-28");
    expect(headers["mcp-session-id"]).toBeUndefined();
  }
  stdin.end();
  await client.done;
  expect(backend.seen).toHaveLength(cases.length);
});

test("modern: a cancellation closes the answer and is not sent; legacy: it is sent", async () => {
  const closed = Promise.withResolvers<void>();
  const { backend, say } = await startApp((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).write(":\n\n");
    response.on("close", () => closed.resolve());
  });
  say(
    '{"jsonrpc":"2.0","id":0,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}',
  );
  await expect.poll(() => backend.seen.length).toBe(1);
  say('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}');
  await closed.promise;
  expect(backend.seen).toHaveLength(1);

  const old = await startApp((_, response) => response.writeHead(202).end());
  const cancelled = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}';
  old.say(cancelled);
  await expect.poll(() => old.backend.seen.map((one) => one.body)).toEqual([cancelled]);
});

test("answers are lines whatever their shape: several lines of JSON, several events, comments, batches", async () => {
  const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}';
  const { say, hear, backend } = await startApp(
    events(`:\n\nid: 1\ndata:\n\ndata: ${progress}\n\ndata: {"jsonrpc":"2.0",\ndata: "id":"c","result":{}}\n\n`),
  );
  say(CALL);
  expect(await hear()).toBe(progress);
  expect(await hear()).toBe('{"jsonrpc":"2.0", "id":"c","result":{}}');
  backend.answer = (_, response) => {
    response
      .writeHead(200, { "content-type": "application/json" })
      .end('{\n  "jsonrpc": "2.0",\r\n  "id": "c",\n  "result": {}\n}\n');
  };
  say(CALL);
  expect(await hear()).toBe('{   "jsonrpc": "2.0",   "id": "c",   "result": {} } ');
  backend.answer = events(`data: [${RESULT}]\n\n`);
  say(CALL);
  expect(await hear()).toBe(`[${RESULT}]`);
});

function note(n: number): string {
  return `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":${n}}}`;
}

test("the standing stream is opened again after a break, from where it broke", async () => {
  const opened: (string | undefined)[] = [];
  const { say, hear } = await startApp(
    legacy(json(200, {}), ({ headers }, response) => {
      opened.push(headers["last-event-id"]);
      response.writeHead(200, { "content-type": "text/event-stream" });
      const id = opened.length;
      response.write(`retry: 10\nid: e-${id}\ndata: ${note(id)}\n\n`, () => {
        if (id < 3) response.destroy();
      });
    }),
  );
  say(INITIALIZE, INITIALIZED);
  expect([await hear(), await hear(), await hear(), await hear()]).toEqual([AGREED, note(1), note(2), note(3)]);
  expect(opened).toEqual([undefined, "e-1", "e-2"]);
});

test("when the input ends, what is under way is finished, but not for ever", async () => {
  const finish = Promise.withResolvers<void>();
  const { client, say, hear, stdin, backend } = await startApp(
    legacy(
      (_, response) =>
        void finish.promise.then(() => events(`data: ${RESULT}\n\n`)(undefined as never, response, undefined as never)),
    ),
    { shutdownTimeout: 5_000 },
  );
  say(INITIALIZE, INITIALIZED, CALL);
  expect(await hear()).toBe(AGREED);
  stdin.end();
  await expect.poll(() => backend.seen.some((one) => one.body === CALL)).toBe(true);
  finish.resolve();
  await client.done;
  expect(await hear()).toBe(RESULT);
  expect(backend.seen.at(-1)).toMatchObject({ method: "DELETE" });

  const stuck = await startApp(
    legacy(() => undefined),
    { shutdownTimeout: 50 },
  );
  stuck.say(INITIALIZE, INITIALIZED, CALL);
  await expect.poll(() => stuck.backend.seen.some((one) => one.body === CALL)).toBe(true);
  stuck.stdin.end();
  await stuck.client.done;
  expect(stuck.backend.seen.at(-1)).toMatchObject({ method: "DELETE" });
});

test("a subscription does not hold up the end", async () => {
  const { client, backend, say, stdin } = await startApp(
    (_, response) => void response.writeHead(200, { "content-type": "text/event-stream" }).write(":\n\n"),
    { shutdownTimeout: 60_000 },
  );
  say(
    '{"jsonrpc":"2.0","id":0,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}',
  );
  await expect.poll(() => backend.seen.length).toBe(1);
  stdin.end();
  await client.done;
});

test("close ends it while the handshake hangs", async () => {
  const { client, say, backend } = await startApp(() => undefined, { shutdownTimeout: 50 });
  say(INITIALIZE);
  await expect.poll(() => backend.seen.length).toBe(1);
  await client.close();
  await client.done;
});

test("an app that does not read stops the server; one that is gone ends the client", async () => {
  const note = '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"' + "x".repeat(60_000) + '"}}';
  let sent = 0;
  await using backend = await startBackend((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (): void => {
      while (sent < 600) {
        sent++;
        if (!response.write(`data: ${note}\n\n`)) {
          response.once("drain", send);
          return;
        }
      }
    };
    send();
  });
  const stdin = new PassThrough();
  let isStuck = true;
  let lines = 0;
  const resume: (() => void)[] = [];
  const stdout = new Writable({
    write: (_, __, done) => {
      lines++;
      if (isStuck) resume.push(done);
      else done();
    },
  });
  const client = await startClient(settingsFor(backend.url, { stdioPath: "/v1/docs" }), keepLog(), { stdin, stdout });
  stdin.write(`${CALL}\n`);
  let before = -1;
  await expect.poll(() => [sent > 0 && before === sent, (before = sent)][0], { interval: 200 }).toBe(true);
  expect(sent).toBeLessThan(600);
  expect(lines).toBe(1);
  isStuck = false;
  for (const go of resume.splice(0)) go();
  await expect.poll(() => lines, { timeout: 10_000 }).toBe(600);
  stdout.destroy(new Error("EPIPE"));
  await client.done;
});

test("a path that is none refuses to start", async () => {
  for (const stdioPath of ["v1/docs", "/v1/../docs", "http://x/y", ""]) {
    const io = { stdin: new PassThrough(), stdout: new PassThrough() };
    const started = startClient(settingsFor("http://127.0.0.1:1", { stdioPath }), keepLog(), io);
    await expect(started).rejects.toMatchObject({ message: `"${stdioPath}" is not a path of the server`, exitCode: 2 });
  }
});
