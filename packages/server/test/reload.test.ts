import { mkdtempSync, rmSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { request } from "undici";
import { describe, expect, it } from "vitest";

import { Failure } from "@smcp/core";
import { startServer, type RunningServer } from "@smcp/server";
import {
  collectLog,
  httpBackend,
  recordingBackend,
  serverSettings,
  signingIssuer,
  stdioBackend,
  trust,
  type ServerChoices,
} from "@smcp/testing";

import { caller, events, fixture, isAlive, next, openSession } from "./stdio-harness.ts";

const call = {
  method: "POST",
  headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
} as const;

const scripted = (id: string, more = {}) => stdioBackend(id, process.execPath, [fixture("stdio-scripted.js")], more);

interface Reloading extends AsyncDisposable {
  readonly url: string;
  readonly server: RunningServer;
  reload(choices: ServerChoices): Promise<void>;
}

async function start(choices: ServerChoices): Promise<Reloading> {
  const folder = mkdtempSync(join(tmpdir(), "smcp-reload-"));
  const server = await startServer(serverSettings(choices), collectLog().log, { env: process.env, dataFolder: folder });
  return {
    url: server.url,
    server,
    reload: (more) => server.reload(() => serverSettings(more)),
    async [Symbol.asyncDispose]() {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function statusOf(url: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  const answer = await request(`${url}${path}`, { ...call, headers: { ...call.headers, ...headers } });
  await answer.body.dump();
  return answer.statusCode;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await wait(5);
}

describe("a reload", () => {
  it("serves the new backends and answers 404 for those that are gone", async () => {
    await using one = await recordingBackend();
    await using two = await recordingBackend();
    await using server = await start({ backends: [httpBackend("one", one.url)] });
    expect([await statusOf(server.url, "/one"), await statusOf(server.url, "/two")]).toEqual([200, 404]);
    await server.reload({ backends: [httpBackend("two", two.url)] });
    expect([await statusOf(server.url, "/one"), await statusOf(server.url, "/two")]).toEqual([404, 200]);
    expect(one.seen).toHaveLength(1);
  });

  it("lets an open stream flow on, though its backend is gone", async () => {
    let stream: ServerResponse | undefined;
    await using backend = await recordingBackend((_, response) => {
      stream = response.writeHead(200, { "content-type": "text/event-stream" });
      stream.write("event: message\ndata: before\n\n");
    });
    await using server = await start({ backends: [httpBackend("docs", backend.url)] });
    const messages = events(await caller(`${server.url}/docs`).get());
    expect(await next(messages)).toBe("before");
    await server.reload({ backends: [] });
    expect(await statusOf(server.url, "/docs")).toBe(404);
    stream?.write("event: message\ndata: after\n\n");
    expect(await next(messages)).toBe("after");
    stream?.end();
    expect(await messages.next()).toEqual({ done: true, value: undefined });
  });

  it("lets a call under way be answered under the configuration that it came with", async () => {
    let answer: (() => void) | undefined;
    await using backend = await recordingBackend((_, response) => {
      answer = () => response.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
    await using server = await start({ backends: [httpBackend("docs", backend.url)] });
    const asked = statusOf(server.url, "/docs");
    await until(() => answer !== undefined);
    await server.reload({ backends: [httpBackend("other", backend.url)] });
    answer?.();
    expect(await asked).toBe(200);
  });

  it("keeps the sessions and children of a stdio backend that did not change", async () => {
    await using server = await start({ backends: [scripted("tools")] });
    const session = await openSession(`${server.url}/tools`);
    const messages = events(await session.get());
    await server.reload({ backends: [scripted("tools", { model: "told to callers only" }), scripted("more")] });
    const { result } = await session.ask(1, "echo", { text: "hello" });
    expect(result).toEqual({ params: { text: "hello" }, pid: session.pid });
    const line = JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info" } });
    const said = await session.post(
      { jsonrpc: "2.0", id: 2, method: "say", params: { lines: [line] } },
      { accept: "application/json" },
    );
    expect(said.status).toBe(200);
    expect(await next(messages)).toBe(line);
  });

  it("ends the children of a stdio backend that changed, once nothing waits for them", async () => {
    await using server = await start({ backends: [scripted("tools")] });
    const session = await openSession(`${server.url}/tools`);
    const held = session.ask(1, "hold", { name: "it" });
    const changed = scripted("tools", { env: new Map([["TOKEN", "new"]]) });
    // Answered only when the child has the one before.
    await session.ask(2, "echo");
    await server.reload({ backends: [changed] });
    expect((await session.post({ jsonrpc: "2.0", id: 3, method: "echo" })).status).toBe(404);
    expect(isAlive(session.pid)).toBe(true);
    process.kill(session.pid, "SIGTERM");
    expect((await held).error?.message).toBe('the backend "tools" failed');
    await until(() => !isAlive(session.pid));
    const fresh = await openSession(`${server.url}/tools`);
    expect(fresh.pid).not.toBe(session.pid);
  });

  it("stops the children of a backend that is gone when its last request is over", async () => {
    await using server = await start({ backends: [scripted("tools")] });
    const session = await openSession(`${server.url}/tools`);
    const leaving = new AbortController();
    await session.get({}, leaving.signal);
    await server.reload({ backends: [] });
    expect(isAlive(session.pid)).toBe(true);
    leaving.abort();
    await until(() => !isAlive(session.pid));
  });

  it("drops no request of many that come while it happens again and again", async () => {
    await using backend = await recordingBackend();
    const version = (n: number) => ({ backends: [httpBackend("docs", backend.url, { timeout: 5_000 + n })] });
    await using server = await start(version(0));
    const over = new AbortController();
    const caller = async (): Promise<Set<number>> => {
      const seen = new Set<number>();
      while (!over.signal.aborted) seen.add(await statusOf(server.url, "/docs"));
      return seen;
    };
    const callers = Array.from({ length: 8 }, caller);
    for (let n = 1; n <= 20; n++) {
      const before = backend.seen.length;
      await server.reload(version(n));
      await until(() => backend.seen.length > before + 8);
    }
    over.abort();
    for (const seen of await Promise.all(callers)) expect([...seen]).toEqual([200]);
  });

  it("still counts the streams that were open before", async () => {
    await using backend = await recordingBackend((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).write("event: message\ndata: x\n\n");
    });
    const backends = [httpBackend("docs", backend.url)];
    await using server = await start({ backends, server: { maxStreams: 1 } });
    const leaving = new AbortController();
    await caller(`${server.url}/docs`).get({}, leaving.signal);
    await server.reload({ backends, server: { maxStreams: 1, maxBody: 1_024 } });
    expect((await caller(`${server.url}/docs`).get()).status).toBe(429);
    leaving.abort();
    await backend.nextAbort();
    await until(() => backend.aborted.length === 1);
    expect((await caller(`${server.url}/docs`).get()).status).toBe(200);
  });

  it("has keys of a new issuer before its callers are asked, and turns those of the old one away", async () => {
    await using old = await signingIssuer();
    await using fresh = await signingIssuer();
    await using backend = await recordingBackend();
    const backends = [httpBackend("docs", backend.url)];
    await using server = await start({ backends, issuers: [trust(old.issuer)] });
    const bearer = async (one: typeof old) => ({ authorization: `Bearer ${await one.token()}` });
    await until(() => old.asked.includes("/jwks"));
    await server.reload({ backends, issuers: [trust(fresh.issuer)] });
    expect(await statusOf(server.url, "/docs", await bearer(fresh))).toBe(200);
    expect(await statusOf(server.url, "/docs", await bearer(old))).toBe(401);
    expect(await statusOf(server.url, "/docs")).toBe(401);
  });

  it("keeps the keys of issuers that did not change", async () => {
    await using issuer = await signingIssuer();
    await using backend = await recordingBackend();
    const issuers = [trust(issuer.issuer)];
    await using server = await start({ backends: [], issuers });
    await until(() => issuer.asked.includes("/jwks"));
    issuer.mode = "failing";
    await server.reload({ backends: [httpBackend("docs", backend.url)], issuers: [trust(issuer.issuer)] });
    const authorization = `Bearer ${await issuer.token()}`;
    expect(await statusOf(server.url, "/docs", { authorization })).toBe(200);
  });

  it("keeps sessions bound to their owner", async () => {
    await using issuer = await signingIssuer();
    await using backend = await recordingBackend((_, response) => {
      response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "of-the-backend" }).end("{}");
    });
    const backends = [httpBackend("docs", backend.url)];
    await using server = await start({ backends, issuers: [trust(issuer.issuer)] });
    const authorization = `Bearer ${await issuer.token()}`;
    await until(() => issuer.asked.includes("/jwks"));
    const opened = await request(`${server.url}/docs`, { ...call, headers: { ...call.headers, authorization } });
    await opened.body.dump();
    const session = String(opened.headers["mcp-session-id"]);
    await server.reload({ backends, issuers: [trust(issuer.issuer, { groupsClaim: "roles" })] });
    expect(await statusOf(server.url, "/docs", { authorization, "mcp-session-id": session })).toBe(200);
    expect(backend.seen.at(-1)?.headers["mcp-session-id"]).toBe("of-the-backend");
  });

  it("is counted, and the gauges follow", async () => {
    await using server = await start({ backends: [scripted("tools")] });
    await openSession(`${server.url}/tools`);
    const metrics = async () => (await request(`${server.url}/metrics`)).body.text();
    expect(await metrics()).toContain('smcp_children{server="tools"} 1');
    await server.reload({ backends: [httpBackend("docs", "http://127.0.0.1:9/")] });
    await server.server
      .reload(() => {
        throw new Failure("the file is wrong", "mend it", 2);
      })
      .catch(() => undefined);
    const text = await metrics();
    expect(text).not.toContain('smcp_children{server="tools"}');
    expect(text).toContain('smcp_backends{kind="http"} 1');
    expect(text).toContain('smcp_reloads_total{result="done"} 1');
    expect(text).toContain('smcp_reloads_total{result="refused"} 1');
  });
});

describe("a reload that cannot be", () => {
  it("leaves the old configuration when the new one is refused", async () => {
    await using backend = await recordingBackend();
    await using server = await start({ backends: [httpBackend("docs", backend.url)] });
    const wrong = new Failure("the file is wrong", "mend it", 2);
    const refused = server.server.reload(() => {
      throw wrong;
    });
    await expect(refused).rejects.toBe(wrong);
    expect(await statusOf(server.url, "/docs")).toBe(200);
  });

  const hint = "restart smcp server to apply it; until then the whole configuration stays as it was";
  it.each([
    [{ port: 9 }, "the address cannot change from 127.0.0.1:0 to 127.0.0.1:9 while the server runs"],
    [{ host: "::1" }, "the address cannot change from 127.0.0.1:0 to [::1]:0 while the server runs"],
    [
      { readTimeout: 1, writeTimeout: 1 },
      '"server.read_timeout" and "server.write_timeout" cannot change while the server runs',
    ],
  ])("tells that %j needs a restart", async (listen, message) => {
    await using backend = await recordingBackend();
    await using server = await start({ backends: [httpBackend("docs", backend.url)] });
    const reloading = server.reload({ backends: [], server: listen });
    await expect(reloading).rejects.toMatchObject({ message, hint, exitCode: 2 });
    expect(await statusOf(server.url, "/docs")).toBe(200);
  });
});
