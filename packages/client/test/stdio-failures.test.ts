import { expect, test } from "vitest";

import { json, type Answer } from "./backend.ts";
import { CALL, errorLine, events, RESULT, startApp } from "./stdio-app.ts";

test("a status of the server is the error that it carries, under the id that the app waits for", async () => {
  const { say, hear, backend } = await startApp(
    json(404, { jsonrpc: "2.0", id: null, error: { code: -32_001, message: "session not found" } }),
  );
  say(CALL);
  expect(await hear()).toBe('{"jsonrpc":"2.0","id":"c","error":{"code":-32001,"message":"session not found"}}');
  backend.answer = (_, response) => response.writeHead(404, { "content-type": "text/plain" }).end("no backend\n");
  say(CALL);
  expect(errorLine(await hear())).toEqual({ id: "c", code: 50201, message: 'the backend "/v1/docs" failed' });
});

const NO_ANSWER: readonly (readonly [string, Answer, string])[] = [
  ["is away", (_, response) => response.destroy(), "the smcp server at HOST cannot be reached"],
  [
    "breaks off",
    (_, response) =>
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: {", () => response.destroy()),
    "the smcp server at HOST cannot be reached",
  ],
  ["ends without an answer", events(": nothing\n\n"), 'the backend "/v1/docs" failed'],
  ["answers with another id", json(200, { jsonrpc: "2.0", id: "d", result: {} }), 'the backend "/v1/docs" failed'],
  [
    "answers with a page",
    (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
    'the backend "/v1/docs" failed',
  ],
  ["only says that it took it", (_, response) => response.writeHead(202).end(), 'the backend "/v1/docs" failed'],
];

for (const [title, answer, message] of NO_ANSWER) {
  test(`a server that ${title}: an error with the request's id, and the next request works`, async () => {
    const { say, hear, backend } = await startApp(answer);
    say(CALL);
    let line = await hear();
    if (line.includes('"d"')) line = await hear();
    expect(errorLine(line)).toEqual({ id: "c", code: 50201, message: message.replace("HOST", backend.host) });
    backend.answer = events(`data: ${RESULT}\n\n`);
    say(CALL);
    expect(await hear()).toBe(RESULT);
  });
}

test("a server that takes too long or asks for sign-in is told by the same codes as over HTTP", async () => {
  const { say, hear, backend, log } = await startApp(() => undefined, { serverTimeout: 100 });
  say(CALL);
  expect(errorLine(await hear())).toEqual({
    id: "c",
    code: 50401,
    message: `the smcp server at ${backend.host} did not answer within 100ms`,
  });
  backend.answer = (_, response) => response.writeHead(401, { "www-authenticate": "Bearer" }).end();
  say('{"jsonrpc":"2.0","method":"notifications/x"}', CALL);
  expect(errorLine(await hear())).toMatchObject({ id: "c", code: 40101 });
  await expect.poll(() => log.lines.filter((line) => line.includes("SIGN_IN_PENDING"))).toHaveLength(2);
});

test("what is no message is answered without an id, and the next line is read", async () => {
  const { say, hear, backend } = await startApp(events(`data: ${RESULT}\n\n`), { maxBody: 1_024 });
  const lines: readonly (readonly [string, number, string, unknown])[] = [
    ["not JSON", -32_700, "the body is not JSON", undefined],
    [
      `[${CALL}]`,
      -32_600,
      "not one JSON-RPC 2.0 message: a batch is not accepted, send its messages one by one",
      undefined,
    ],
    [
      '{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}',
      40001,
      'the message can be read in two ways: the member "id" stands twice in one object',
      undefined,
    ],
    [
      `{"jsonrpc":"2.0","id":7,"method":"x","params":{"a":"${"x".repeat(1_024)}"}}`,
      -32_600,
      "the body is larger than 1KiB",
      7,
    ],
    ["x".repeat(5_000), -32_600, "the body is larger than 1KiB", undefined],
  ];
  for (const [line, code, message, id] of lines) {
    say(line);
    expect(errorLine(await hear())).toEqual({ id, code, message });
  }
  say(CALL);
  expect(await hear()).toBe(RESULT);
  expect(backend.seen).toHaveLength(1);
});
