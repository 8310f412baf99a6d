import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { startTestServer, stdioBackend, type TestServer } from "@smcp/testing";
import { expect, test } from "vitest";

import { fixture } from "./stdio-harness.ts";

const serve = (eras: "dual" | "modern"): Promise<TestServer> =>
  startTestServer({ backends: [stdioBackend("sdk", process.execPath, [fixture("stdio-sdk.js"), eras])] });

interface App extends AsyncDisposable {
  readonly client: Client;
}

type Mode = "legacy" | "auto" | { readonly pin: string };

async function connect(server: TestServer, mode: Mode, prepare?: (client: Client) => void): Promise<App> {
  const client = new Client(
    { name: "test", version: "1" },
    { capabilities: { elicitation: {} }, versionNegotiation: { mode } },
  );
  prepare?.(client);
  await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/sdk`)));
  return { client, [Symbol.asyncDispose]: () => client.close() };
}

const PINNED: Mode = { pin: "2026-07-28" };
const said = (result: unknown): string =>
  (result as { content: { text: string }[] }).content.map((one) => one.text).join("\n");

test("a client of the modern era calls tools of a child, with headers that the tool asks for", async () => {
  await using server = await serve("dual");
  await using app = await connect(server, PINNED);
  expect(app.client.getNegotiatedProtocolVersion()).toBe("2026-07-28");
  expect(said(await app.client.callTool({ name: "echo", arguments: { text: "hello" } }))).toBe("hello");
  const { tools } = await app.client.listTools();
  expect(tools.map((one) => one.name)).toContain("region");
  expect(said(await app.client.callTool({ name: "region", arguments: { region: "höher" } }))).toBe("höher");
});

test("many calls of several clients at once each get their own answer from one child", async () => {
  await using server = await serve("modern");
  await using ann = await connect(server, PINNED);
  await using bob = await connect(server, PINNED);
  const calls = Array.from({ length: 200 }, async (_, n) => {
    const { client } = n % 2 === 0 ? ann : bob;
    return said(await client.callTool({ name: "echo", arguments: { text: `${n}` } })) === `${n}`;
  });
  expect((await Promise.all(calls)).filter((one) => !one)).toEqual([]);
});

test("progress reaches the caller that asked for it", async () => {
  await using server = await serve("modern");
  const seen: number[] = [];
  await using app = await connect(server, PINNED, (client) => {
    // Not by the call's own function: the SDK forgets it with the answer, before it has handed over what came along.
    client.setNotificationHandler("notifications/progress", ({ params }) => void seen.push(params.progress));
  });
  const result = await app.client.callTool({ name: "steps", arguments: {} }, { onprogress: () => undefined });
  expect(said(result)).toBe("done");
  await expect.poll(() => seen).toEqual([1, 2]);
});

test("log messages reach the call that asked for them", async () => {
  await using server = await serve("modern");
  const seen: unknown[] = [];
  await using app = await connect(server, PINNED, (client) => {
    client.setNotificationHandler("notifications/message", ({ params }) => void seen.push(params.data));
  });
  const _meta = { "io.modelcontextprotocol/logLevel": "debug" } as const;
  await app.client.callTool({ name: "logs", arguments: {} });
  expect(seen).toEqual([]);
  await app.client.callTool({ name: "logs", arguments: {}, _meta });
  expect(seen).toEqual(["a line"]);
});

test("what a server must know first is asked in its answer, and the call goes on", async () => {
  await using server = await serve("modern");
  await using app = await connect(server, PINNED, (client) => {
    client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { name: "Ann" } }));
  });
  expect(said(await app.client.callTool({ name: "ask", arguments: {} }))).toBe("hello Ann");
});

test("a subscription hears of changes that others make, until it is closed", async () => {
  await using server = await serve("modern");
  const changed = Promise.withResolvers<void>();
  await using app = await connect(server, PINNED, (client) => {
    client.setNotificationHandler("notifications/tools/list_changed", () => changed.resolve());
  });
  await using other = await connect(server, PINNED);
  const subscription = await app.client.listen({ toolsListChanged: true });
  expect(subscription.honoredFilter).toEqual({ toolsListChanged: true });
  await other.client.callTool({ name: "grow", arguments: {} });
  await changed.promise;
  await subscription.close();
  expect(await subscription.closed).toBe("local");
});

test("a client that leaves a call cancels it at the server", async () => {
  await using server = await serve("modern");
  await using app = await connect(server, PINNED);
  const leaving = new AbortController();
  const waiting = app.client.callTool({ name: "wait", arguments: {} }, { signal: leaving.signal });
  const left = expect(waiting).rejects.toThrow();
  await app.client.callTool({ name: "echo", arguments: { text: "it is there by now" } });
  leaving.abort();
  await left;
  const isCancelled = (): boolean => server.lines.some(({ fields }) => fields["line"] === "cancelled");
  await expect.poll(isCancelled, { timeout: 10_000 }).toBe(true);
});

test.each<[string, Mode, string]>([
  ["a client of both eras speaks the modern one", "auto", "2026-07-28"],
  ["a client of the legacy era opens a session", "legacy", "2025-11-25"],
])("a server of both eras: %s", async (_, mode, version) => {
  await using server = await serve("dual");
  await using app = await connect(server, mode);
  expect(app.client.getNegotiatedProtocolVersion()).toBe(version);
  expect(said(await app.client.callTool({ name: "echo", arguments: { text: "hello" } }))).toBe("hello");
});

test("a client of the legacy era is refused by a server that only speaks the modern one, as directly", async () => {
  await using server = await serve("modern");
  await expect(connect(server, "legacy")).rejects.toThrow("Unsupported protocol version");
});
