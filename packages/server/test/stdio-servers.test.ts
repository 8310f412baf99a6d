import { promises as files } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ToolListChangedNotificationSchema,
  type ClientCapabilities,
} from "@modelcontextprotocol/sdk/types.js";
import { expect, test } from "vitest";
import { openBridge, type Bridge, type BridgeChoices } from "./stdio-harness.ts";

const require = createRequire(import.meta.url);

/** One of npm's reference servers, as its own package starts it. */
function server(name: string, ...args: string[]): BridgeChoices {
  const manifest = require.resolve(`@modelcontextprotocol/server-${name}/package.json`);
  return { id: name, args: [join(dirname(manifest), "dist/index.js"), ...args] };
}

interface App extends AsyncDisposable {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
}

/** An MCP app with the SDK's own client. `prepare` runs before it connects. */
async function connect(
  { url }: Bridge,
  capabilities: ClientCapabilities = {},
  prepare?: (client: Client) => void,
): Promise<App> {
  const client = new Client({ name: "test", version: "1" }, { capabilities });
  prepare?.(client);
  const transport = new StreamableHTTPClientTransport(new URL(url));
  await client.connect(transport);
  return {
    client,
    transport,
    async [Symbol.asyncDispose]() {
      await transport.terminateSession();
      await client.close();
    },
  };
}

const text = (result: unknown): string =>
  (result as { content: { text: string }[] }).content.map((one) => one.text).join("\n");

test("server-everything: several clients at once list and call tools, each in its own child", async () => {
  await using bridge = await openBridge(server("everything", "stdio"));
  await using ann = await connect(bridge);
  await using bob = await connect(bridge);
  await using eve = await connect(bridge);
  expect(bridge.upstream.childCount).toBe(3);
  for (const { client } of [ann, bob, eve]) {
    const { tools } = await client.listTools();
    expect(tools.map((one) => one.name)).toContain("echo");
  }
  const sums = await Promise.all(
    [ann, bob, eve].flatMap(({ client }, who) =>
      Array.from({ length: 20 }, async (_, n) =>
        text(await client.callTool({ name: "get-sum", arguments: { a: who * 100, b: n } })),
      ),
    ),
  );
  const expected = [0, 1, 2].flatMap((who) =>
    Array.from({ length: 20 }, (_, n) => `The sum of ${who * 100} and ${n} is ${who * 100 + n}.`),
  );
  expect(sums).toEqual(expected);
});

test("server-everything: progress of a long operation arrives while it runs, and restarts its wait", async () => {
  // The operation takes longer than the limit: only its progress keeps it alive.
  await using bridge = await openBridge({ ...server("everything", "stdio"), stdioTimeout: 2_000 });
  await using app = await connect(bridge);
  const seen: number[] = [];
  const result = await app.client.callTool(
    { name: "trigger-long-running-operation", arguments: { duration: 2.4, steps: 12 } },
    undefined,
    { onprogress: ({ progress }) => seen.push(progress) },
  );
  expect(text(result)).toBe("Long running operation completed. Duration: 2.4 seconds, Steps: 12.");
  expect(seen).toEqual(Array.from({ length: 12 }, (_, n) => n + 1));
});

test("server-everything: sampling and elicitation go to the caller whose call they belong to, and back", async () => {
  await using bridge = await openBridge(server("everything", "stdio"));
  const person = (name: string): Promise<App> =>
    connect(bridge, { sampling: {}, elicitation: {} }, (client) => {
      client.setRequestHandler(CreateMessageRequestSchema, () => ({
        model: "none",
        role: "assistant",
        content: { type: "text", text: `sampled by ${name}` },
      }));
      client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { name } }));
    });
  await using ann = await person("Ann");
  await using bob = await person("Bob");
  const answers = await Promise.all(
    [ann, bob].flatMap(({ client }) => [
      client.callTool({ name: "trigger-sampling-request", arguments: { prompt: "hello" } }).then(text),
      client.callTool({ name: "trigger-elicitation-request", arguments: {} }).then(text),
    ]),
  );
  expect(answers[0]).toContain("sampled by Ann");
  expect(answers[1]).toContain("- Name: Ann");
  expect(answers[2]).toContain("sampled by Bob");
  expect(answers[3]).toContain("- Name: Bob");
});

test("server-everything: what changes on the server reaches the standing stream", async () => {
  await using bridge = await openBridge(server("everything", "stdio"));
  const changed = Promise.withResolvers<void>();
  await using app = await connect(bridge, { sampling: {}, roots: {} }, (client) => {
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [] }));
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => changed.resolve());
  });
  await changed.promise;
  expect((await app.client.listTools()).tools.map((one) => one.name)).toContain("trigger-sampling-request");
});

test("server-memory: what one client stores in its child's file, the next session reads", async () => {
  const folder = await files.mkdtemp(join(tmpdir(), "smcp-memory-"));
  const env = new Map([["MEMORY_FILE_PATH", join(folder, "memory.jsonl")]]);
  await using bridge = await openBridge({ ...server("memory"), env });
  {
    await using app = await connect(bridge);
    const entity = { name: "smcp", entityType: "gateway", observations: ["relays"] };
    await app.client.callTool({ name: "create_entities", arguments: { entities: [entity] } });
  }
  await using app = await connect(bridge);
  expect(JSON.parse(text(await app.client.callTool({ name: "read_graph", arguments: {} })))).toMatchObject({
    entities: [{ name: "smcp", observations: ["relays"] }],
  });
  await files.rm(folder, { recursive: true });
});

test("server-filesystem: reads a folder, and asks its client for roots with id 0", async () => {
  const folder = await files.realpath(await files.mkdtemp(join(tmpdir(), "smcp-files-")));
  await files.writeFile(join(folder, "note.txt"), "what the file says");
  await using bridge = await openBridge(server("filesystem", folder));
  await using plain = await connect(bridge);
  const read = { name: "read_text_file", arguments: { path: join(folder, "note.txt") } };
  expect(text(await plain.client.callTool(read))).toBe("what the file says");

  const inner = join(folder, "inner");
  await files.mkdir(inner);
  const asked = Promise.withResolvers<unknown>();
  await using rooted = await connect(bridge, { roots: { listChanged: true } }, (client) => {
    client.setRequestHandler(ListRootsRequestSchema, (_, { requestId }) => {
      asked.resolve(requestId);
      return { roots: [{ uri: pathToFileURL(inner).href, name: "inner" }] };
    });
  });
  expect(await asked.promise).toBe(0);
  await expect
    .poll(async () => text(await rooted.client.callTool({ name: "list_allowed_directories", arguments: {} })))
    .toBe(`Allowed directories:\n${inner}`);
  // The other session still has its own.
  expect(text(await plain.client.callTool(read))).toBe("what the file says");
  await files.rm(folder, { recursive: true });
});

const think = async ({ client }: App, thoughtNumber: number): Promise<unknown> => {
  const thought = { thought: "hm", nextThoughtNeeded: true, thoughtNumber, totalThoughts: 3 };
  return JSON.parse(text(await client.callTool({ name: "sequentialthinking", arguments: thought })));
};

test("server-sequential-thinking: two clients think their own thoughts", async () => {
  await using bridge = await openBridge(server("sequential-thinking"));
  await using ann = await connect(bridge);
  await using bob = await connect(bridge);
  await think(ann, 1);
  expect(await think(ann, 2)).toMatchObject({ thoughtHistoryLength: 2 });
  expect(await think(bob, 1)).toMatchObject({ thoughtHistoryLength: 1 });
});

test("children end with their sessions, those that ignore the end of their input too", async () => {
  await using bridge = await openBridge(server("everything", "stdio"));
  {
    await using app = await connect(bridge);
    await app.client.ping();
    expect(bridge.upstream.childCount).toBe(1);
  }
  await expect.poll(() => bridge.upstream.childCount, { timeout: 10_000 }).toBe(0);
});
