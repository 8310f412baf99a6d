/** The HTTP+SSE transport of 2024-11-05 behind the server: where its messages go, and who may send them there. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { request, type Dispatcher } from "undici";
import { describe, expect, it } from "vitest";

import { Secret } from "@smcp/core";
import {
  everythingServer,
  httpBackend,
  recordingBackend,
  signingIssuer,
  startTestServer,
  trust,
  type RecordingBackend,
  type TestServer,
} from "@smcp/testing";

const server = { sessionKey: new Secret("0123456789abcdef0123456789abcdef") };
const CALL = '{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"name":"echo"}}';

/** A backend whose stream begins with the given text, and that answers every message with 202. */
function streaming(text: string, status = 200): Promise<RecordingBackend> {
  return recordingBackend(({ method }, response) => {
    if (method === "GET") response.writeHead(status, { "content-type": "text/event-stream" }).write(text);
    else response.writeHead(202).end("Accepted");
  });
}

const endpoint = (target: string): string => `event: endpoint\ndata: ${target}\n\n`;

interface Stream extends Disposable {
  /** The next piece of the stream. */
  next(): Promise<string>;
}

async function open(url: string, headers: Record<string, string> = {}): Promise<Stream> {
  const leaving = new AbortController();
  const { body } = await request(url, { headers: { accept: "text/event-stream", ...headers }, signal: leaving.signal });
  body.on("error", () => undefined);
  const pieces = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  return {
    next: async () => ((await pieces.next()).value as Buffer | undefined)?.toString() ?? "",
    [Symbol.dispose]: () => leaving.abort(),
  };
}

/** The endpoint that a stream names first. */
async function endpointAt(url: string, headers: Record<string, string> = {}): Promise<string> {
  using stream = await open(url, headers);
  return /^event: endpoint\ndata: (\/\S*)\n\n$/.exec(await stream.next())?.[1] ?? "";
}

function send(url: string, headers: Record<string, string> = {}): Promise<Dispatcher.ResponseData> {
  return request(url, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: CALL });
}

async function talk(url: string, token?: string): Promise<unknown> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const app = new Client({ name: "app", version: "1" });
  const withToken = (to: string | URL, init?: RequestInit): Promise<Response> =>
    fetch(to, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), ...headers } });
  await app.connect(new SSEClientTransport(new URL(url), { fetch: withToken }));
  try {
    const { tools } = await app.listTools();
    const { content } = await app.callTool({ name: "echo", arguments: { message: "é\n\nevent: x" } });
    return [tools.some(({ name }) => name === "echo"), content];
  } finally {
    await app.close();
  }
}

const SPOKEN = [true, [{ type: "text", text: "Echo: é\n\nevent: x" }]];

it("works with a real app and a real server, signed in and not, several apps at once", async () => {
  await using everything = await everythingServer("sse");
  await using issuer = await signingIssuer();
  const backends = [
    httpBackend("old", `${everything.url}/sse`),
    httpBackend("all", `${everything.url}/sse`, { path: "/" }),
  ];
  await using open = await startTestServer({ server, backends });
  await using guarded = await startTestServer({ server, backends, issuers: [trust(issuer.issuer)] });
  const talks = [
    talk(`${open.url}/old`),
    talk(`${open.url}/`),
    talk(`${guarded.url}/old`, await issuer.token()),
    talk(`${guarded.url}/old/`, await issuer.token({ sub: "bob" })),
  ];
  expect(await Promise.all(talks)).toEqual([SPOKEN, SPOKEN, SPOKEN, SPOKEN]);
});

describe("the endpoint that a stream names", () => {
  it.each([
    ["/sse", "/messages?sessionId=1&key=s3cret", "/messages?sessionId=1&key=s3cret"],
    ["/a/b/sse?key=1", "messages?id=1", "/a/b/messages?id=1"],
    ["/a/b/sse", "../c/", "/a/c/"],
    ["/a/sse", "?id=%20#x", "/a/sse?id=%20"],
    ["/sse", "HERE/deep/%2F?q", "/deep/%2F?q"],
    ["/sse", "//HOST//x", "//x"],
  ])("of a backend at %s that says %s is a path of the caller's, and stands for %s", async (at, said, target) => {
    let here = "";
    await using backend = await recordingBackend(({ method }, response) => {
      const text = said.replace("//HOST", `//${new URL(here).host}`).replace("HERE", here);
      if (method === "GET") response.writeHead(200, { "content-type": "text/event-stream" }).write(endpoint(text));
      else response.writeHead(202).end("Accepted");
    });
    here = backend.url;
    await using at_ = await startTestServer({ server, backends: [httpBackend("old", `${backend.url}${at}`)] });
    const place = await endpointAt(`${at_.url}/old`);
    expect(place).toMatch(/^\/old\/[A-Za-z0-9_-]{40,}$/);
    expect(Buffer.from(place.slice(5), "base64url").toString("latin1")).not.toMatch(/messages|key|deep/);
    // A query of the caller's own could name another session.
    for (const path of [place, `${place}?sessionId=2`]) {
      const answer = await send(at_.url + path);
      expect([answer.statusCode, await answer.body.text()]).toEqual([202, "Accepted"]);
    }
    expect(backend.seen.slice(1)).toMatchObject([
      { method: "POST", url: target, body: CALL },
      { method: "POST", url: target, body: CALL },
    ]);
  });

  it.each([
    ["https://evil.example/x", 'its endpoint is at another origin, "https://evil.example"'],
    ["//127.0.0.1:1/x", 'its endpoint is at another origin, "http://127.0.0.1:1"'],
    ["javascript:alert(1)", 'its endpoint is at another origin, "null"'],
    ["http://[", "its endpoint is no URL"],
    [`/${"x".repeat(5_000)}`, 'an event "endpoint" is too large'],
  ])("breaks the stream off where it is %s", async (said, reason) => {
    await using backend = await streaming(endpoint(said));
    await using at = await startTestServer({ server, backends: [httpBackend("old", `${backend.url}/sse`)] });
    await expect(endpointAt(`${at.url}/old`)).rejects.toThrow();
    await backend.nextAbort();
    expect(at.lines.find(({ message }) => message === "a backend failed")?.fields).toMatchObject({
      server: "old",
      reason,
    });
    expect(backend.seen).toHaveLength(1);
  });

  it("is all that changes: other events pass byte for byte, each as soon as it ended", async () => {
    const first = ": hi\r\n\r\nid: 1\r\ndata:\r\n\r\n";
    const rest = [
      'event: message\r\ndata: {"n":1.0}\r\nid: 7\r\nodd: é\r\n\r',
      "\nretry: 5\rdata: a\rdata: b\r\r",
      ":\n\n",
      `data: ${"x".repeat(9_000)}`,
      "\n\n",
    ];
    let write: ((text: string) => void) | undefined;
    await using backend = await recordingBackend((_, response) => {
      response
        .writeHead(200, { "content-type": "text/event-stream" })
        .write(`${first}id: 2\r\nevent: endpoint\r\ndata: /m\r\n\r\n`);
      write = (text) => response.write(text);
    });
    await using at = await startTestServer({ server, backends: [httpBackend("old", `${backend.url}/sse`)] });
    using stream = await open(`${at.url}/old`);
    const start = await stream.next();
    expect(start.replace(/\/old\/\S+/, "PLACE")).toBe(`${first}id: 2\r\nevent: endpoint\r\ndata: PLACE\r\n\r\n`);
    for (const text of rest) {
      write?.(text);
      let got = "";
      while (got.length < text.length) got += await stream.next();
      expect(got).toBe(text);
    }
  });

  it("is looked for in streams alone: a refusal to open one passes as it is", async () => {
    await using backend = await recordingBackend(({ method }, response) => {
      response.writeHead(method === "GET" ? 404 : 405, { allow: "GET" }).end("event: endpoint\ndata: /x");
    });
    await using at = await startTestServer({ server, backends: [httpBackend("old", `${backend.url}/sse`)] });
    const got = await request(`${at.url}/old`);
    expect([got.statusCode, await got.body.text()]).toEqual([404, "event: endpoint\ndata: /x"]);
    // An app that speaks Streamable HTTP only fails as it does directly.
    const sent = await send(`${at.url}/old`);
    expect([sent.statusCode, sent.headers["allow"], await sent.body.text()]).toEqual([
      405,
      "GET",
      "event: endpoint\ndata: /x",
    ]);
  });
});

interface House extends AsyncDisposable {
  readonly at: TestServer;
  readonly backend: RecordingBackend;
  readonly alice: Record<string, string>;
  readonly bob: Record<string, string>;
}

async function house(): Promise<House> {
  const stack = new AsyncDisposableStack();
  const issuer = stack.use(await signingIssuer());
  const backend = stack.use(await streaming(endpoint("/messages?sessionId=1")));
  const backends = [httpBackend("old", `${backend.url}/sse`), httpBackend("other", `${backend.url}/sse`)];
  const at = stack.use(await startTestServer({ server, backends, issuers: [trust(issuer.issuer)] }));
  const alice = { authorization: `Bearer ${await issuer.token()}` };
  const bob = { authorization: `Bearer ${await issuer.token({ sub: "bob" })}` };
  return { at, alice, bob, backend, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

it("a message of the modern era needs no headers there, and brings none along that nobody compared", async () => {
  await using backend = await streaming(endpoint("/messages"));
  await using at = await startTestServer({ server, backends: [httpBackend("old", `${backend.url}/sse`)] });
  const place = at.url + (await endpointAt(`${at.url}/old`));
  const headers = { "content-type": "application/json", "mcp-method": "ping", "mcp-name": "x", "mcp-param-a": "y" };
  const body = CALL.replace("}}", ',"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}');
  expect((await request(place, { method: "POST", headers, body })).statusCode).toBe(202);
  const seen = backend.seen[1];
  expect(seen?.body).toBe(body);
  expect(Object.keys(seen?.headers ?? {}).filter((name) => name.startsWith("mcp-"))).toEqual([]);
});

describe("a message to an endpoint", () => {
  it("that was given to somebody else, for another backend, or by nobody is 404 and reaches nothing", async () => {
    await using one = await house();
    const { at, alice, bob, backend } = one;
    const place = await endpointAt(`${at.url}/old`, alice);
    const token = place.slice("/old/".length);
    const forged = `${token.slice(0, -2)}${token.endsWith("AA") ? "BB" : "AA"}`;
    for (const [path, who] of [
      [place, bob],
      [`/other/${token}`, alice],
      [`/old/${forged}`, alice],
      [`/old/${token}/x`, alice],
      [`/old/x/${token}`, alice],
      ["/old/messages", alice],
      ["/old/AAAA", alice],
    ] as const) {
      const answer = await send(at.url + path, who);
      expect([answer.statusCode, await answer.body.json()]).toMatchObject([
        404,
        { id: 0, error: { code: -32001, message: "session not found", data: { code: 40401 } } },
      ]);
    }
    const stranger = await send(at.url + place);
    expect([stranger.statusCode, await stranger.body.json()]).toMatchObject([401, { error: { code: 40101 } }]);
    expect(backend.seen.map(({ method }) => method)).toEqual(["GET"]);
    expect((await send(at.url + place, alice)).statusCode).toBe(202);
  });

  it("is good at every server with the same key, and at none with another", async () => {
    await using backend = await streaming(endpoint("/messages?sessionId=1"));
    const backends = [httpBackend("old", `${backend.url}/sse`)];
    await using first = await startTestServer({ server, backends });
    await using second = await startTestServer({ server, backends });
    await using third = await startTestServer({ server: {}, backends });
    const place = await endpointAt(`${first.url}/old`);
    expect((await send(second.url + place)).statusCode).toBe(202);
    expect((await send(third.url + place)).statusCode).toBe(404);
  });
});
