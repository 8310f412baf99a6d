import { request } from "undici";
import { expect, it } from "vitest";

import { httpBackend, recordingBackend, signingIssuer, startTestServer, trust } from "@smcp/testing";

/** A backend whose every answer is a stream that stays open, behind a server with room for 64 of them. */
async function house() {
  const issuer = await signingIssuer();
  const backend = await recordingBackend((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  });
  const server = await startTestServer({
    backends: [httpBackend("docs", backend.url)],
    issuers: [trust(issuer.issuer)],
    server: { maxStreams: 64 },
  });
  await expect.poll(async () => (await request(`${server.url}/readyz`)).statusCode).toBe(200);
  return {
    issuer,
    backend,
    server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
      await issuer[Symbol.asyncDispose]();
    },
  };
}

async function open(url: string, token: string, listen = false) {
  const leaving = new AbortController();
  const authorization = `Bearer ${token}`;
  const how = listen
    ? { method: "POST" as const, headers: { ...LISTEN_HEADERS, authorization }, body: LISTEN }
    : { headers: { authorization } };
  const { statusCode, body, headers } = await request(url, { ...how, signal: leaving.signal });
  body.on("error", () => undefined);
  return { statusCode, body, headers, leave: () => leaving.abort() };
}

const LISTEN = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "subscriptions/listen",
  params: { _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } },
});
const LISTEN_HEADERS = {
  "content-type": "application/json",
  accept: "text/event-stream",
  "mcp-protocol-version": "2026-07-28",
  "mcp-method": "subscriptions/listen",
};

it.each([
  ["standing streams", false],
  ["subscriptions", true],
])(
  "H19: one caller holds a quarter of all %s and no more, whatever its tokens; others have theirs",
  async (_, listen) => {
    await using here = await house();
    const { issuer, backend, server } = here;
    const url = `${server.url}/docs`;
    const held: Awaited<ReturnType<typeof open>>[] = [];
    for (let n = 0; n < 16; n++) held.push(await open(url, await issuer.token({ jti: `${n}` }), listen));
    expect(held.map(({ statusCode }) => statusCode)).toEqual(Array.from({ length: 16 }, () => 200));

    const surplus = await open(url, await issuer.token(), listen);
    expect([surplus.statusCode, surplus.headers["retry-after"], await surplus.body.json()]).toEqual([
      429,
      "5",
      {
        jsonrpc: "2.0",
        ...(listen && { id: 1 }),
        error: {
          code: 42901,
          message: "too many open streams",
          data: { request_id: surplus.headers["x-request-id"] },
        },
      },
    ]);
    expect(backend.seen).toHaveLength(16);
    expect(server.lines.at(-1)?.fields).toMatchObject({
      refused: "STREAMS_EXHAUSTED",
      subject: "alice",
      reason: "this caller holds 16 already",
    });
    expect((await open(url, await issuer.token({ sub: "bob" }), listen)).statusCode).toBe(200);

    held[3]?.leave();
    await expect.poll(async () => (await open(url, await issuer.token(), listen)).statusCode).toBe(200);
    expect((await open(url, await issuer.token(), listen)).statusCode).toBe(429);
  },
);

it("a caller that holds all the streams it may still makes its calls", async () => {
  await using here = await house();
  const { issuer, server } = here;
  const token = await issuer.token();
  for (let n = 0; n < 17; n++) await open(`${server.url}/docs`, token);
  const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const answer = await request(`${server.url}/docs`, { method: "POST", headers, body });
  answer.body.on("error", () => undefined);
  expect(answer.statusCode).toBe(200);
});
