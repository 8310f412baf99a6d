/** Messages and sessions at HTTP backends: what headers say of them, and whose they are (security.md 5.3). */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { Agent, request, type Dispatcher } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";

import { Secret } from "@smcp/core";
import { httpBackend, recordingBackend, signingIssuer, startTestServer, trust } from "@smcp/testing";

const JSON_TYPE = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const server = { sessionKey: new Secret("0123456789abcdef0123456789abcdef") };
const META = "io.modelcontextprotocol/";
const ENVELOPE = { [`${META}protocolVersion`]: "2026-07-28", [`${META}clientCapabilities`]: {} };

const modern = (method: string, params: object = {}): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 7, method, params: { ...params, _meta: ENVELOPE } });
const legacy = (method: string, params?: object): string => JSON.stringify({ jsonrpc: "2.0", id: 7, method, params });

const SAID = ["MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call"];
const CALL = modern("tools/call", { name: "delete" });

type Raw = readonly string[];

function post(url: string, body: string, raw: Raw = []): Promise<Dispatcher.ResponseData> {
  return request(url, { method: "POST", headers: [...Object.entries(JSON_TYPE).flat(), ...raw], body });
}

const twice = (name: string): string => `the header "${name}" stands there more than once`;

describe("J4: headers that say something else than the body", () => {
  const rows: [title: string, body: string, raw: Raw, message: string, code?: number][] = [
    ["another name", CALL, [...SAID, "Mcp-Name", "read"], "Mcp-Name and the body disagree"],
    ["no name", CALL, SAID, "Mcp-Name and the body disagree"],
    ["two names", CALL, [...SAID, "Mcp-Name", "delete", "mcp-name", "delete"], twice("mcp-name")],
    [
      "a name with a broken encoding",
      CALL,
      [...SAID, "Mcp-Name", "=?base64?ZGVsZXR?="],
      "Mcp-Name and the body disagree",
    ],
    [
      "a name with marks in upper case",
      CALL,
      [...SAID, "Mcp-Name", "=?BASE64?ZGVsZXRl?="],
      "Mcp-Name and the body disagree",
    ],
    ["a name in another case", CALL, [...SAID, "Mcp-Name", "Delete"], "Mcp-Name and the body disagree"],
    [
      "another resource",
      modern("resources/read", { uri: "file:///b" }),
      [...SAID.with(3, "resources/read"), "Mcp-Name", "file:///a"],
      "Mcp-Name and the body disagree",
    ],
    [
      "another task",
      modern("tasks/get", { taskId: "1" }),
      [...SAID.with(3, "tasks/get"), "Mcp-Name", "2"],
      "Mcp-Name and the body disagree",
    ],
    ["another method", CALL, [...SAID.with(3, "tools/list"), "Mcp-Name", "delete"], "Mcp-Method and the body disagree"],
    [
      "a method in another case",
      CALL,
      [...SAID.with(3, "Tools/Call"), "Mcp-Name", "delete"],
      "Mcp-Method and the body disagree",
    ],
    ["no method", CALL, [...SAID.slice(0, 2), "Mcp-Name", "delete"], "Mcp-Method and the body disagree"],
    ["two methods", CALL, [...SAID, "Mcp-Method", "tools/list", "Mcp-Name", "delete"], twice("mcp-method")],
    [
      "another revision",
      CALL,
      [...SAID.with(1, "2027-01-01"), "Mcp-Name", "delete"],
      "MCP-Protocol-Version and the body disagree",
    ],
    [
      "a revision of the other era",
      CALL,
      [...SAID.with(1, "2025-11-25"), "Mcp-Name", "delete"],
      "MCP-Protocol-Version and the body disagree",
    ],
    ["no revision", CALL, [...SAID.slice(2), "Mcp-Name", "delete"], "MCP-Protocol-Version and the body disagree"],
    [
      "two revisions",
      CALL,
      [...SAID, "MCP-Protocol-Version", "2026-07-28", "Mcp-Name", "delete"],
      twice("mcp-protocol-version"),
    ],
    [
      "an argument with a broken encoding",
      CALL,
      [...SAID, "Mcp-Name", "delete", "Mcp-Param-Region", "=?base64?e?="],
      "mcp-param-region and the body disagree",
    ],
    [
      "an argument twice",
      CALL,
      [...SAID, "Mcp-Name", "delete", "Mcp-Param-Region", "eu", "Mcp-Param-Region", "eu"],
      twice("mcp-param-region"),
    ],
    [
      "the modern era, of a handshake of the legacy one",
      legacy("initialize"),
      SAID.slice(0, 2),
      "MCP-Protocol-Version and the body disagree",
    ],
    [
      "the modern era, of a message without an envelope",
      legacy("tools/list"),
      SAID.slice(0, 2),
      "invalid _meta envelope: it is missing",
      -32_602,
    ],
  ];
  it.each(rows)("%s: refused, and the backend sees nothing", async (_, body, raw, message, code = -32_020) => {
    await using backend = await recordingBackend();
    await using at = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const answer = await post(`${at.url}/docs`, body, raw);
    expect([answer.statusCode, await answer.body.json()]).toMatchObject([400, { error: { code, message } }]);
    expect(backend.seen).toEqual([]);
  });

  it.each<[title: string, body: string, raw: Raw]>([
    ["the name as it is", CALL, [...SAID, "Mcp-Name", "delete"]],
    ["the name encoded", CALL, [...SAID, "Mcp-Name", "=?base64?ZGVsZXRl?="]],
    [
      "a name that looks encoded",
      modern("tools/call", { name: "=?base64?e?=" }),
      [...SAID, "Mcp-Name", "=?base64?PT9iYXNlNjQ/ZT89?="],
    ],
    [
      "a name in marks of upper case",
      modern("tools/call", { name: "=?BASE64?e?=" }),
      [...SAID, "Mcp-Name", "=?BASE64?e?="],
    ],
    [
      "arguments that only the backend knows",
      CALL,
      [...SAID, "Mcp-Name", "delete", "Mcp-Param-Region", "=?base64?w6k=?=", "Mcp-Param-N", "42.0"],
    ],
    ["a method that nobody knows", modern("x/y", { name: "z" }), [...SAID.with(3, "x/y"), "Mcp-Other", "1"]],
  ])("that say the same reach the backend untouched: %s", async (_, body, raw) => {
    await using backend = await recordingBackend();
    await using at = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    expect((await post(`${at.url}/docs`, body, raw)).statusCode).toBe(200);
    const seen = backend.seen[0]?.headers ?? {};
    for (let i = 0; i < raw.length; i += 2) expect(seen[raw[i]?.toLowerCase() ?? ""]).toBe(raw[i + 1]);
  });

  it("are left out in the legacy era, where nobody compares them", async () => {
    await using backend = await recordingBackend();
    await using at = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const raw = [
      "MCP-Protocol-Version",
      "2025-06-18",
      "Mcp-Method",
      "ping",
      "Mcp-Name",
      "read",
      "Mcp-Param-Region",
      "us",
    ];
    expect((await post(`${at.url}/docs`, legacy("tools/call", { name: "delete" }), raw)).statusCode).toBe(200);
    const seen = backend.seen[0]?.headers ?? {};
    expect(Object.keys(seen).filter((name) => name.startsWith("mcp-"))).toEqual(["mcp-protocol-version"]);
  });

  it("about arguments are compared by the backend, which alone knows what it asked for, and its word passes", async () => {
    const handler = toNodeHandler(
      createMcpHandler(() => {
        const mcp = new McpServer({ name: "fixture", version: "1" });
        const inputSchema = z.object({ region: z.string().meta({ "x-mcp-header": "Region" }) });
        mcp.registerTool("where", { inputSchema }, ({ region }) => ({
          content: [{ type: "text" as const, text: region }],
        }));
        return mcp;
      }),
    );
    const http = createServer(
      (incoming, outgoing) => void handler(incoming as Parameters<typeof handler>[0], outgoing),
    );
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    onTestFinished(async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    });
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
    await using at = await startTestServer({ backends: [httpBackend("docs", url)] });
    const body = modern("tools/call", { name: "where", arguments: { region: "eu" } });
    const said = [...SAID, "Mcp-Name", "where"];
    for (const [raw, status, code] of [
      [["Mcp-Param-Region", "eu"], 200, undefined],
      [["Mcp-Param-Region", "=?base64?ZXU=?="], 200, undefined],
      [["Mcp-Param-Region", "us"], 400, -32_020],
      [[], 400, -32_020],
    ] as const) {
      const [here, there] = await Promise.all([
        post(`${at.url}/docs`, body, [...said, ...raw]),
        post(url, body, [...said, ...raw]),
      ]);
      const text = await here.body.text();
      expect([here.statusCode, text]).toEqual([status, await there.body.text()]);
      expect(/"code":(-\d+)/.exec(text)?.[1]).toBe(code === undefined ? undefined : String(code));
    }
  });
});

describe("a session", () => {
  it("J16: is its owner's on every method, whatever header names it, and others change nothing of it", async () => {
    await using issuer = await signingIssuer();
    await using backend = await recordingBackend((_, response) => {
      response.writeHead(200, { ...JSON_TYPE, "mcp-session-id": "backend-7" }).end("{}");
    });
    await using at = await startTestServer({
      server,
      backends: [httpBackend("docs", backend.url)],
      issuers: [trust(issuer.issuer)],
    });
    const url = `${at.url}/docs`;
    const alice = ["authorization", `Bearer ${await issuer.token()}`];
    const bob = ["authorization", `Bearer ${await issuer.token({ sub: "bob" })}`];
    const opened = await post(url, legacy("initialize"), alice);
    const id = String(opened.headers["mcp-session-id"]);
    expect(id).toMatch(/^[A-Za-z0-9_-]{22}\.backend-7$/);
    const ask = (method: "GET" | "POST" | "DELETE", raw: Raw): Promise<Dispatcher.ResponseData> =>
      request(url, {
        method,
        headers: [...Object.entries(JSON_TYPE).flat(), ...raw],
        body: method === "POST" ? legacy("ping") : null,
      });
    for (const method of ["GET", "POST", "DELETE"] as const) {
      for (const raw of [
        [...bob, "mcp-session-id", id],
        [...bob, "mcp-session-id", id, "last-event-id", "1"],
        [...alice, "mcp-session-id", "backend-7"],
        [...alice, "mcp-session-id", id.toUpperCase()],
        [...alice, "mcp-session-id", ""],
      ]) {
        const answer = await ask(method, raw);
        expect([answer.statusCode, await answer.body.json()]).toMatchObject([
          404,
          { error: { code: -32_001, message: "session not found", data: { code: 40_401 } } },
        ]);
      }
    }
    // A caller's own choice of an id at the start is no session of anybody.
    expect((await post(url, legacy("initialize"), [...bob, "mcp-session-id", "chosen"])).statusCode).toBe(404);
    expect(backend.seen).toHaveLength(1);
    for (const method of ["GET", "POST", "DELETE"] as const) {
      expect((await ask(method, [...alice, "mcp-session-id", id])).statusCode).toBe(200);
    }
    expect(backend.seen.slice(1).map(({ method, headers }) => [method, headers["mcp-session-id"]])).toEqual([
      ["GET", "backend-7"],
      ["POST", "backend-7"],
      ["DELETE", "backend-7"],
    ]);
  });

  it("does not exist in the modern era: an id that comes along is ignored", async () => {
    await using issuer = await signingIssuer();
    await using backend = await recordingBackend();
    await using at = await startTestServer({
      server,
      backends: [httpBackend("docs", backend.url)],
      issuers: [trust(issuer.issuer)],
    });
    const raw = [
      "authorization",
      `Bearer ${await issuer.token()}`,
      "mcp-session-id",
      "x",
      ...SAID,
      "mcp-name",
      "delete",
    ];
    expect((await post(`${at.url}/docs`, CALL, raw)).statusCode).toBe(200);
    expect(backend.seen[0]?.headers).not.toHaveProperty("mcp-session-id");
  });
});

it("J23: a cancellation and a progress token are passed in the caller's own session only", async () => {
  await using issuer = await signingIssuer();
  await using backend = await recordingBackend(({ headers }, response) => {
    response.writeHead(202, { "mcp-session-id": `of-${String(headers["x-subject"])}` }).end();
  });
  await using at = await startTestServer({
    server,
    backends: [httpBackend("docs", backend.url)],
    issuers: [trust(issuer.issuer)],
  });
  const sessions = [];
  for (const sub of ["alice", "bob"]) {
    const authorization = ["authorization", `Bearer ${await issuer.token({ sub })}`];
    const { headers } = await post(`${at.url}/docs`, legacy("initialize"), authorization);
    sessions.push([...authorization, "mcp-session-id", String(headers["mcp-session-id"])]);
  }
  for (const body of [
    '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}',
    '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":0,"progress":1}}',
    '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"x"}}',
    '{"jsonrpc":"2.0","id":0,"result":{}}',
  ]) {
    const answer = await post(`${at.url}/docs`, body, sessions[1]);
    expect([answer.statusCode, await answer.body.text()]).toEqual([202, ""]);
  }
  expect(backend.seen.slice(2).map(({ headers }) => headers["mcp-session-id"])).toEqual(Array(4).fill("of-bob"));
});

it("J15: a thousand calls with the same id at once, of two callers, have each their own answer", async () => {
  const waiting: (() => void)[] = [];
  await using issuer = await signingIssuer();
  await using backend = await recordingBackend(({ body, headers }, response) => {
    const { id, params } = JSON.parse(body) as { id: number; params: { name: string } };
    const result = { name: params.name, subject: headers["x-subject"] };
    waiting.push(() => response.writeHead(200, JSON_TYPE).end(JSON.stringify({ jsonrpc: "2.0", id, result })));
    // All are under way before the first is answered, the last one first.
    if (waiting.length === 1_000) for (const answer of waiting.toReversed()) answer();
  });
  await using at = await startTestServer({
    server,
    backends: [httpBackend("docs", backend.url, { timeout: 60_000 })],
    issuers: [trust(issuer.issuer)],
  });
  const dispatcher = new Agent({ headersTimeout: 0 });
  onTestFinished(() => dispatcher.destroy());
  const tokens = { alice: await issuer.token(), bob: await issuer.token({ sub: "bob" }) };
  const calls = Array.from({ length: 1_000 }, async (_, i) => {
    const subject = i % 2 ? "alice" : "bob";
    const body = JSON.stringify({ jsonrpc: "2.0", id: 0, method: "tools/call", params: { name: `n${i}` } });
    const headers = { ...JSON_TYPE, authorization: `Bearer ${tokens[subject]}` };
    const answer = await request(`${at.url}/docs`, { method: "POST", headers, body, dispatcher });
    expect(await answer.body.json()).toEqual({ jsonrpc: "2.0", id: 0, result: { name: `n${i}`, subject } });
  });
  await Promise.all(calls);
  expect(backend.seen).toHaveLength(1_000);
}, 60_000);
