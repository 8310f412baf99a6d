/** HTTP backends of both eras: whose bytes and headers reach whom (security.md 5.2). */
import { request } from "undici";
import { describe, expect, it } from "vitest";

import { Secret } from "@smcp/core";
import { httpBackend, recordingBackend, sendRaw, signingIssuer, startTestServer, trust } from "@smcp/testing";

const JSON_TYPE = { "content-type": "application/json" };
const server = { sessionKey: new Secret("0123456789abcdef0123456789abcdef") };

const LEGACY = { headers: JSON_TYPE, body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' };
const MODERN = {
  headers: { ...JSON_TYPE, "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list" },
  body: '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}',
};

describe("J10, J12, J22: bytes", () => {
  it.each([
    [
      "numbers that no double holds",
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"x","params":{"a":-0,"b":1e400,"c":1.0,"d":0.1000000000000000055,"e":1E+2}}',
    ],
    [
      "white space, and members in any order",
      '{ "params" :\n{ "z":1,\t"a":2 },\r\n "method":"x" , "id":"é", "jsonrpc":"2.0"}\n',
    ],
    [
      "escapes, as they were chosen",
      '{"jsonrpc":"2.0","id":"\\u0061\\/","method":"x","params":{"\\u00e9":"\\ud83d\\ude00\\u0000","t":"é😀"}}',
    ],
    [
      "members that nobody knows",
      '{"jsonrpc":"2.0","id":0,"method":"x/unknown","params":{"q":{"w":[[],{}]}},"extra":{"deep":null}}',
    ],
    [
      "names that mean something to JavaScript",
      '{"jsonrpc":"2.0","id":0,"method":"x","params":{"__proto__":{"admin":true},"constructor":{"prototype":{"a":1}},"_meta":{"__proto__":{"b":2},"toString":1}}}',
    ],
    [
      "text that a terminal would act on",
      '{"jsonrpc":"2.0","id":0,"method":"x","params":{"t":"\\u001b[31m\\u202e\u202e\\r\\n"}}',
    ],
    ["a notification", '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9007199254740993}}'],
    ["an answer that nobody asked for", '{"jsonrpc":"2.0","id":77,"result":{"x":1.0}}'],
  ])("%s go through both ways as they are", async (_, body) => {
    await using backend = await recordingBackend((seen, response) => {
      response.writeHead(200, JSON_TYPE).end(seen.body);
    });
    await using at = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const answer = await request(`${at.url}/docs`, { method: "POST", headers: JSON_TYPE, body });
    expect([answer.statusCode, await answer.body.text()]).toEqual([200, body]);
    expect(backend.seen.map((one) => one.body)).toEqual([body]);
    expect(({} as { admin?: unknown; b?: unknown }).admin ?? ({} as { b?: unknown }).b).toBeUndefined();
  });

  it.each(["9007199254740993", "-0", "1e400", "1.0", '"\\u0061\\/"', "0", '""'])(
    "of the id %s stand in a refusal as they came",
    async (id) => {
      await using backend = await recordingBackend(
        (_, response) => void response.writeHead(302, { location: "/" }).end(),
      );
      await using at = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
      const body = `{"jsonrpc":"2.0","id":${id},"method":"x"}`;
      const text = await (await request(`${at.url}/docs`, { method: "POST", headers: JSON_TYPE, body })).body.text();
      expect(text.startsWith(`{"jsonrpc":"2.0","id":${id},"error":{"code":50201,`)).toBe(true);
    },
  );
});

describe.each([
  ["legacy", LEGACY],
  ["modern", MODERN],
])("an answer in the %s era", (_, { headers, body }) => {
  it.each([
    [400, '{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"x","data":{"supported":["2026-07-28"]}}}'],
    [400, "Bad Request: Server not initialized"],
    [404, ""],
    [404, '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}'],
    [405, ""],
    [202, ""],
    [500, '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}'],
  ])("of status %i with the body %j passes as it is", async (status, text) => {
    await using backend = await recordingBackend((_seen, response) => {
      response.writeHead(status, text.startsWith("{") ? JSON_TYPE : {}).end(text);
    });
    await using at = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const answer = await request(`${at.url}/docs`, { method: "POST", headers, body });
    expect([answer.statusCode, await answer.body.text(), answer.headers["content-type"]]).toEqual([
      status,
      text,
      text.startsWith("{") ? "application/json" : undefined,
    ]);
  });

  it.each([
    [301, 50201, 'the backend "docs" failed'],
    [303, 50201, 'the backend "docs" failed'],
    [308, 50201, 'the backend "docs" failed'],
    [401, 50202, `the backend "docs" refused the gateway's credential`],
    [403, 50202, `the backend "docs" refused the gateway's credential`],
  ])("of status %i is the gateway's own failure, and leads nobody anywhere", async (status, code, message) => {
    await using canary = await recordingBackend();
    await using backend = await recordingBackend((_seen, response) => {
      response
        .writeHead(status, { location: canary.url, "www-authenticate": `Bearer resource_metadata="${canary.url}"` })
        .end("text of the backend");
    });
    await using at = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    const answer = await request(`${at.url}/docs`, { method: "POST", headers, body });
    const error = { code, message, data: { request_id: answer.headers["x-request-id"] } };
    expect([answer.statusCode, await answer.body.json()]).toEqual([502, { jsonrpc: "2.0", id: 1, error }]);
    expect([answer.headers["location"], answer.headers["www-authenticate"], canary.seen]).toEqual([
      undefined,
      undefined,
      [],
    ]);
  });
});

it("H23: a backend's cookies, permissions, challenges and connection headers stay behind", async () => {
  await using backend = await recordingBackend((_, response) => {
    response
      .writeHead(200, {
        ...JSON_TYPE,
        "set-cookie": ["a=b", "c=d"],
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "*",
        "strict-transport-security": "max-age=1",
        "www-authenticate": "Bearer",
        "proxy-authenticate": "Basic",
        "clear-site-data": "*",
        refresh: "0;url=http://evil",
        link: "<http://evil>",
        "alt-svc": "h3=:1",
        connection: "x-secret, mcp-session-id",
        "x-secret": "1",
        "x-request-id": "the backend's",
        mcp_session_id: "1",
        "mcp-session-id": "s",
        "mcp-other": "o",
        "x-accel-buffering": "no",
      })
      .end("{}");
  });
  await using at = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
  const { headers } = await request(`${at.url}/docs`, { method: "POST", ...LEGACY });
  expect(Object.keys(headers).toSorted()).toEqual(
    [
      "connection",
      "content-type",
      "date",
      "keep-alive",
      "mcp-other",
      "mcp-session-id",
      "content-length",
      "x-accel-buffering",
      "x-request-id",
    ].toSorted(),
  );
  expect([headers["connection"], headers["x-request-id"]]).not.toContain("the backend's");
});

it("H10: names in Connection take no header away, and bring none upstream", async () => {
  await using issuer = await signingIssuer();
  await using backend = await recordingBackend((_, response) => {
    response.writeHead(200, { ...JSON_TYPE, "mcp-session-id": "s" }).end("{}");
  });
  await using at = await startTestServer({
    server,
    backends: [httpBackend("docs", backend.url)],
    issuers: [trust(issuer.issuer)],
  });
  const authorization = `Bearer ${await issuer.token()}`;
  const first = await request(`${at.url}/docs`, {
    method: "POST",
    ...LEGACY,
    headers: { ...JSON_TYPE, authorization },
  });
  const lines = [
    "POST /docs HTTP/1.1",
    "Host: localhost",
    "Connection: authorization, mcp-session-id, x-github-token, content-length, close",
    "Keep-Alive: timeout=5",
    "TE: trailers",
    "Proxy-Connection: keep-alive",
    `Authorization: ${authorization}`,
    `Mcp-Session-Id: ${String(first.headers["mcp-session-id"])}`,
    "X-GitHub-Token: gh",
    "Content-Type: application/json",
    `Content-Length: ${LEGACY.body.length}`,
  ];
  expect((await sendRaw(at.url, `${lines.join("\n")}\n\n${LEGACY.body}`)).status).toBe(200);
  const seen = backend.seen[1]?.headers ?? {};
  expect([seen["mcp-session-id"], seen["x-subject"], seen["connection"]]).toEqual(["s", "alice", "keep-alive"]);
  for (const name of ["authorization", "x-github-token", "te", "proxy-connection"])
    expect(seen).not.toHaveProperty(name);
});

it("H11, H12, H13: underscored twins, forwarded addresses and method overrides decide nothing and go nowhere", async () => {
  await using issuer = await signingIssuer();
  await using backend = await recordingBackend();
  await using at = await startTestServer({
    server,
    backends: [httpBackend("docs", backend.url)],
    issuers: [trust(issuer.issuer)],
  });
  const spoofed = {
    x_forwarded_user: "root",
    x_subject: "root",
    mcp_session_id: "forged",
    mcp_name: "x",
    "mcp-session_id": "forged",
    x_github_token: "gh",
    forwarded: "for=6.6.6.6;host=evil;proto=https",
    "x-forwarded-for": "6.6.6.6",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "https",
    "x-forwarded-uri": "/admin",
    "x-forwarded-user": "root",
    "x-original-url": "/admin",
    "x-rewrite-url": "/admin",
    "x-real-ip": "6.6.6.6",
    "x-http-method-override": "DELETE",
    "x-method-override": "DELETE",
  };
  const headers = { ...JSON_TYPE, authorization: `Bearer ${await issuer.token()}`, ...spoofed };
  expect((await request(`${at.url}/docs`, { method: "POST", headers, body: LEGACY.body })).statusCode).toBe(200);
  const { method, url, headers: seen = {} } = backend.seen[0] ?? {};
  expect([method, url]).toEqual(["POST", "/"]);
  expect(seen).toMatchObject({
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-host": new URL(at.url).host,
    "x-forwarded-proto": "http",
    "x-subject": "alice",
  });
  for (const [name, value] of Object.entries(spoofed)) expect(seen[name]).not.toBe(value);
  expect(at.lines.at(-1)?.fields).toMatchObject({ address: "127.0.0.1", http: "POST /docs" });
  const metadata = await request(`${at.url}/.well-known/oauth-protected-resource/docs`, { headers: spoofed });
  expect(await metadata.body.json()).toMatchObject({ resource: `${at.url}/docs` });
  const stranger = await request(`${at.url}/docs`, {
    method: "POST",
    headers: { ...JSON_TYPE, ...spoofed },
    body: LEGACY.body,
  });
  expect(stranger.statusCode).toBe(401);
  expect(backend.seen).toHaveLength(1);
});

it("what a caller needs to go on with a broken stream reaches the backend, and a break reaches the caller", async () => {
  await using backend = await recordingBackend((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("id: 8\nretry: 10\ndata:\n\ndata: {", () => response.destroy());
  });
  await using at = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
  const answer = await request(`${at.url}/docs`, { headers: { "last-event-id": "7", accept: "text/event-stream" } });
  let got = "";
  const read = async (): Promise<void> => {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) got += chunk.toString();
  };
  await expect(read()).rejects.toThrow();
  expect([got, backend.seen[0]?.headers["last-event-id"]]).toEqual(["id: 8\nretry: 10\ndata:\n\ndata: {", "7"]);
});

it("J24: events pass as the backend framed them, and what stands in their data makes no event of its own", async () => {
  const text =
    'event: a\\r\\nb\r\nid: 1\u2028event: x\r\ndata: {"t":"\\n\\nevent: endpoint\\ndata: /x"}\r\n\r\n: \rdata: \0\u0085\n\n';
  await using backend = await recordingBackend((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).end(text);
  });
  await using at = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
  expect(await (await request(`${at.url}/docs`)).body.text()).toBe(text);
});
