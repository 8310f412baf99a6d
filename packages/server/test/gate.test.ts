import { describe, expect, it } from "vitest";

import { httpBackend, recordingBackend, sendRaw, startTestServer } from "@smcp/testing";

const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const head = (line: string, ...headers: string[]) => `${line}\n${headers.join("\n")}\n\n`;
const JSON_HEADERS = ["Content-Type: application/json", `Content-Length: ${body.length}`];

const rows: [title: string, text: string, status: number, message: string][] = [
  [
    "absolute target",
    head("GET http://evil/docs HTTP/1.1", "Host: localhost"),
    400,
    "the request target is not a canonical path",
  ],
  [
    "dot segments",
    head("GET /docs/../docs HTTP/1.1", "Host: localhost"),
    400,
    "the request target is not a canonical path",
  ],
  [
    "encoded dots",
    head("GET /docs/%2e%2e/docs HTTP/1.1", "Host: localhost"),
    400,
    "the request target is not a canonical path",
  ],
  [
    "encoded letter",
    head("GET /%64ocs HTTP/1.1", "Host: localhost"),
    400,
    "the request target is not a canonical path",
  ],
  ["fragment", head("GET /docs#x HTTP/1.1", "Host: localhost"), 400, "the request target is not a canonical path"],
  ["no Host", head("GET /docs HTTP/1.1", "Accept: */*"), 400, "exactly one well-formed Host header is needed"],
  [
    "no Host in HTTP/1.0",
    head("GET /docs HTTP/1.0", "Accept: */*"),
    400,
    "exactly one well-formed Host header is needed",
  ],
  [
    "two Hosts",
    head("GET /docs HTTP/1.1", "Host: localhost", "Host: localhost"),
    400,
    "exactly one well-formed Host header is needed",
  ],
  [
    "user in Host",
    head("GET /docs HTTP/1.1", "Host: a@localhost"),
    400,
    "exactly one well-formed Host header is needed",
  ],
  [
    "trailing dot in Host",
    head("GET /docs HTTP/1.1", "Host: localhost."),
    400,
    "exactly one well-formed Host header is needed",
  ],
  ["foreign Host", head("GET /docs HTTP/1.1", "Host: evil.example"), 403, "this Host is not served here"],
  [
    "Origin",
    head("GET /docs HTTP/1.1", "Host: localhost", "Origin: https://evil"),
    403,
    "requests from this Origin are not accepted",
  ],
  [
    "null Origin",
    head("GET /docs HTTP/1.1", "Host: localhost", "Origin: null"),
    403,
    "requests from this Origin are not accepted",
  ],
  [
    "two tokens",
    head("GET /docs HTTP/1.1", "Host: localhost", "Authorization: Bearer a", "authorization: Bearer b"),
    400,
    'the header "authorization" stands there more than once',
  ],
  [
    "two sessions",
    head("GET /docs HTTP/1.1", "Host: localhost", "Mcp-Session-Id: a", "mcp-session-id: b"),
    400,
    'the header "mcp-session-id" stands there more than once',
  ],
  ["TRACE", head("TRACE /docs HTTP/1.1", "Host: localhost"), 405, "only GET, POST and DELETE are served here"],
  ["PUT", head("PUT /docs HTTP/1.1", "Host: localhost"), 405, "only GET, POST and DELETE are served here"],
  [
    "unknown expectation",
    head("POST /docs HTTP/1.1", "Host: localhost", "Expect: tea", ...JSON_HEADERS) + body,
    400,
    "this Expect header is not understood",
  ],
  [
    "too many headers",
    head("GET /docs HTTP/1.1", "Host: localhost", ...Array.from({ length: 150 }, (_, i) => `X-${i}: 1`)),
    431,
    "the request has too many or too large headers",
  ],
  [
    "too large headers",
    head("GET /docs HTTP/1.1", "Host: localhost", `X-A: ${"a".repeat(20_000)}`),
    431,
    "the request has too many or too large headers",
  ],
  [
    "length and chunks at once",
    `${head("POST /docs HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", "Content-Length: 5")}0\n\n`,
    400,
    "this is not a well-formed HTTP request",
  ],
  [
    "space before a colon",
    head("GET /docs HTTP/1.1", "Host : localhost"),
    400,
    "this is not a well-formed HTTP request",
  ],
  ["no HTTP", "hello\n\n", 400, "this is not a well-formed HTTP request"],
  ["unknown path", head("GET /elsewhere HTTP/1.1", "Host: localhost"), 404, "no backend is configured for this path"],
];

describe("H1, H5, H6, H7, H13: what no two parsers may read in two ways reaches no backend", () => {
  it.each(rows)("%s", async (_, text, status, message) => {
    await using backend = await recordingBackend();
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const answer = await sendRaw(server.url, text);
    expect([answer.status, answer.body]).toEqual([status, `${message}\n`]);
    expect(answer.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(backend.seen).toEqual([]);
    const health = await sendRaw(server.url, head("GET /health HTTP/1.1", "Host: localhost"));
    expect([health.status, health.body]).toEqual([200, "OK"]);
  });
});

const rpc: [title: string, headers: string[], body: string, status: number, code: number, message: string][] = [
  ["text", ["Content-Type: text/plain"], body, 415, -32600, "the body must be application/json"],
  ["no type", [], body, 415, -32600, "the body must be application/json"],
  [
    "gzip",
    ["Content-Type: application/json", "Content-Encoding: gzip"],
    body,
    415,
    -32600,
    "a compressed body is not accepted",
  ],
  ["malformed JSON", ["Content-Type: application/json"], "{", 400, -32700, "the body is not JSON"],
  ["nothing", ["Content-Type: application/json"], "", 400, -32700, "the body is not JSON"],
  [
    "a batch",
    ["Content-Type: application/json; charset=utf-8"],
    `[${body}]`,
    400,
    -32600,
    "not one JSON-RPC 2.0 message: a batch is not accepted, send its messages one by one",
  ],
  [
    "a repeated member",
    ["Content-Type: application/json"],
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","name":"delete"}}',
    400,
    40001,
    'the message can be read in two ways: the member "name" stands twice in one object',
  ],
  [
    "more than the limit",
    ["Content-Type: application/json"],
    JSON.stringify({ jsonrpc: "2.0", id: 1, method: "x", params: { x: "y".repeat(5_000) } }),
    413,
    -32600,
    "the body is larger than 4KiB",
  ],
];

describe("H16, H17, J1, J3: a body that is not one plain message is refused by name", () => {
  it.each(rpc)("%s", async (_, headers, text, status, code, message) => {
    await using backend = await recordingBackend();
    await using server = await startTestServer({
      backends: [httpBackend("docs", backend.url)],
      server: { maxBody: 4_096 },
    });
    const request = head("POST /docs HTTP/1.1", "Host: localhost", ...headers, `Content-Length: ${text.length}`) + text;
    const answer = await sendRaw(server.url, request);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toEqual({
      jsonrpc: "2.0",
      error: { code, message, data: { request_id: answer.headers["x-request-id"] } },
    });
    expect(backend.seen).toEqual([]);
  });

  it("at the byte over the limit, also in chunks of unknown length", async () => {
    await using backend = await recordingBackend();
    await using server = await startTestServer({
      backends: [httpBackend("docs", backend.url)],
      server: { maxBody: 4_096 },
    });
    const chunk = "x".repeat(4_096);
    const answer = await sendRaw(
      server.url,
      `${head("POST /docs HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Transfer-Encoding: chunked")}1000\n${chunk}\n1\nx\n`,
    );
    expect([answer.status, answer.headers["connection"]]).toEqual([413, "close"]);
    expect(backend.seen).toEqual([]);
  });
});

it("J4: refuses a modern request whose headers and body disagree", async () => {
  await using backend = await recordingBackend();
  await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
  const text =
    '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"delete","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}';
  const answer = await sendRaw(
    server.url,
    head(
      "POST /docs HTTP/1.1",
      "Host: localhost",
      "Content-Type: application/json",
      "MCP-Protocol-Version: 2026-07-28",
      "Mcp-Method: tools/call",
      "Mcp-Name: read",
      `Content-Length: ${text.length}`,
    ) + text,
  );
  expect([answer.status, JSON.parse(answer.body)]).toMatchObject([
    400,
    { id: 7, error: { code: -32020, message: "Mcp-Name and the body disagree" } },
  ]);
  expect(backend.seen).toEqual([]);
});

it("H9: answers pipelined requests in order, each judged alone", async () => {
  await using backend = await recordingBackend();
  await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
  const answer = await sendRaw(
    server.url,
    head("GET /docs/../x HTTP/1.1", "Host: localhost") +
      head("POST /docs HTTP/1.1", "Host: localhost", "Connection: close", ...JSON_HEADERS) +
      body,
  );
  expect(answer.text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400", "HTTP/1.1 200"]);
  expect(backend.seen.map((one) => one.body)).toEqual([body]);
});

it("H18: does not wait for a request that never arrives whole", async () => {
  await using backend = await recordingBackend();
  await using server = await startTestServer({
    backends: [httpBackend("docs", backend.url)],
    server: { readTimeout: 200 },
  });
  const answer = await sendRaw(
    server.url,
    head("POST /docs HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Content-Length: 9"),
  );
  expect([answer.status, answer.body]).toEqual([408, "the request did not arrive in time\n"]);
  expect(backend.seen).toEqual([]);
});

const waiting = (path: string) =>
  head(`POST ${path} HTTP/1.1`, "Host: localhost", "Connection: close", "Expect: 100-continue", ...JSON_HEADERS);

it("H15: invites a body only when it is wanted", async () => {
  await using backend = await recordingBackend();
  await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
  expect((await sendRaw(server.url, waiting("/elsewhere"))).text).toMatch(/^HTTP\/1.1 404/);
  expect((await sendRaw(server.url, waiting("/docs") + body)).text).toMatch(
    /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200/,
  );
});

it("lets probes in by any Host", async () => {
  await using server = await startTestServer({ backends: [] });
  for (const path of ["/health", "/livez", "/readyz", "/metrics"]) {
    expect((await sendRaw(server.url, head(`GET ${path} HTTP/1.1`, "Host: 10.0.0.7:8080"))).status).toBe(200);
  }
});
