import { randomUUID } from "node:crypto";

import { Pool, request } from "undici";
import { describe, expect, it } from "vitest";

import {
  collectLog,
  httpBackend,
  recordingBackend,
  sendRaw,
  signingIssuer,
  startTestServer,
  trust,
} from "@smcp/testing";

async function seriesOf(url: string): Promise<string[]> {
  const text = await (await request(`${url}/metrics`)).body.text();
  return text.split("\n").filter((line) => line.startsWith("mcp_") || line.startsWith("smcp_"));
}

it("H26: 10,000 random paths, tools, methods, subjects and key ids leave the number of series as it was", async () => {
  await using issuer = await signingIssuer();
  await using backend = await recordingBackend();
  await using server = await startTestServer({
    backends: [httpBackend("docs", backend.url)],
    issuers: [trust(issuer.issuer)],
  });
  await expect.poll(async () => (await request(`${server.url}/readyz`)).statusCode).toBe(200);
  const pool = new Pool(server.url, { connections: 16 });
  const tokens = await Promise.all(Array.from({ length: 50 }, () => issuer.token({ sub: randomUUID() })));
  const strange = await Promise.all(Array.from({ length: 20 }, () => issuer.token({}, { kid: randomUUID() })));
  const ask = async (n: number): Promise<void> => {
    const kind = n % 4;
    const token = kind === 3 ? strange[n % strange.length] : tokens[n % tokens.length];
    const method = kind === 1 ? `x/${randomUUID()}` : "tools/call";
    const answer = await pool.request({
      method: "POST",
      path: kind === 0 ? `/${randomUUID()}` : `/docs/${randomUUID()}?q=${n}`,
      headers: { "content-type": "application/json", authorization: `Bearer ${token}`, "x-request-id": randomUUID() },
      body: JSON.stringify({ jsonrpc: "2.0", id: n, method, params: { name: randomUUID() } }),
    });
    await answer.body.dump();
    expect(answer.statusCode).toBe([404, 200, 200, 401][kind]);
  };
  const asked = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n += 50) await Promise.all(Array.from({ length: 50 }, (_, i) => ask(n + i)));
  };
  await asked(0, 200);
  const before = await seriesOf(server.url);
  await asked(200, 10_000);
  const after = await seriesOf(server.url);
  await pool.close();
  expect(after.length).toBe(before.length);
  expect(after.length).toBeLessThan(200);
  expect(after.join("\n")).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
  expect(after.find((line) => /_count\{.*method="other",status="200"/.test(line))).toMatch(/ 2500$/);
}, 60_000);

it("a backend that answers with every status there is has one series for all that have no name", async () => {
  await using backend = await recordingBackend((seen, response) => {
    response.writeHead(Number(seen.url.slice(1))).end();
  });
  await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
  const pool = new Pool(server.url, { connections: 16 });
  const headers = { "content-type": "application/json" };
  const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  const ask = async (status: number): Promise<void> => {
    const answer = await pool.request({ method: "POST", path: `/docs/${status}`, headers, body });
    await answer.body.dump();
    expect(answer.statusCode).toBe(status);
  };
  await Promise.all(Array.from({ length: 300 }, (_, n) => ask(600 + n)));
  await pool.close();
  const counts = (await seriesOf(server.url)).filter((line) => line.includes("_count{"));
  expect(counts).toEqual([
    'mcp_server_operation_duration_seconds_count{server="docs",method="ping",status="other"} 300',
  ]);
});

const planted = new Error("planted in /srv/app/node_modules/secret.ts");
const TELLING = /planted|srv|node_modules|\.ts|smcp\/|undici|node\//i;

describe("H27: a bug is told by a constant sentence and the request's id, and nothing of the program", () => {
  it("in an answer of the server's own", async () => {
    const docs = Object.defineProperty(httpBackend("docs", "http://127.0.0.1:1"), "maxTokens", {
      get() {
        throw planted;
      },
    });
    await using server = await startTestServer({ backends: [docs] });
    const answer = await sendRaw(server.url, "GET /api/models HTTP/1.1\nHost: localhost\n\n");
    const id = answer.headers["x-request-id"];
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect([answer.status, answer.body]).toEqual([500, "internal error\n"]);
    expect(answer.text).not.toMatch(TELLING);
    expect(server.lines.find(({ level }) => level === "error")).toMatchObject({
      fields: { request_id: id, stack: expect.stringContaining(planted.message) as string },
      message: "a request met a bug in smcp",
    });
  });

  it.each([
    ["in a request to a backend", "POST /docs HTTP/1.1"],
    ["at the gate", "POST /docs/../x HTTP/1.1"],
  ])("%s", async (_, line) => {
    const { log, lines } = collectLog();
    const broken = {
      ...log,
      info(_: object, message: string): void {
        if (message === "refused at the gate") throw planted;
      },
    };
    await using backend = await recordingBackend();
    const docs = Object.defineProperty(httpBackend("docs", backend.url), "forwardHeaders", {
      get() {
        throw planted;
      },
    });
    await using server = await startTestServer({ backends: [docs], log: broken });
    const body = '{"jsonrpc":"2.0","id":7,"method":"ping"}';
    const text = `${line}\nHost: localhost\nContent-Type: application/json\nContent-Length: ${body.length}\n\n${body}`;
    const answer = await sendRaw(server.url, text);
    const id = answer.headers["x-request-id"];
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([
      500,
      {
        jsonrpc: "2.0",
        error: { code: -32603, message: "internal error", data: { request_id: id } },
      },
    ]);
    expect(answer.text).not.toMatch(TELLING);
    expect(lines.find(({ level }) => level === "error")).toMatchObject({
      fields: { request_id: id, stack: expect.stringContaining(planted.message) as string },
      message: "a request met a bug in smcp",
    });
    expect(backend.seen).toEqual([]);
    expect((await request(`${server.url}/health`)).statusCode).toBe(200);
  });
});
