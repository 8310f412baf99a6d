/** The pair as two processes, between real apps and real servers of both eras, signed in at a real provider. */
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { Client as LegacyClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as LegacyTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { startIssuer, type Issuer } from "@smcp/demo";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Folder, type Program } from "./program.ts";

const require = createRequire(import.meta.url);
const EVERYTHING = require.resolve("@modelcontextprotocol/server-everything/dist/index.js");

const folder = new Folder();
const closing: (() => Promise<unknown>)[] = [];
let issuer: Issuer;
let server: Program;
let client: Program;
let local: string;

/** A real server of the newer SDK at `http://…/mcp`, serving both eras or the modern one alone. */
async function startSdkServer(legacy: "stateless" | "reject"): Promise<string> {
  const handler = createMcpHandler(
    () => {
      const mcp = new McpServer({ name: "fixture", version: "1.0.0" });
      mcp.registerTool("shout", { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
        content: [{ type: "text" as const, text: text.toUpperCase() }],
      }));
      return mcp;
    },
    { legacy },
  );
  const serve = toNodeHandler(handler);
  const http = createServer((request, response) => void serve(request as Parameters<typeof serve>[0], response));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  closing.push(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
}

beforeAll(async () => {
  issuer = await startIssuer();
  closing.push(() => issuer.close());
  folder.write(
    "smcp.json",
    JSON.stringify({
      server: { host: "127.0.0.1", port: 0, shutdown_timeout: "1s" },
      oidc: { issuers: [issuer.url], audience: "api" },
      servers: {
        dual: { url: await startSdkServer("stateless") },
        modern: { url: await startSdkServer("reject") },
        everything: { command: process.execPath, args: [EVERYTHING, "stdio"] },
      },
    }),
  );
  server = folder.start(["server", "-c", "smcp.json", "-l", "debug"]);
  const remote = (await server.says(/(http:\/\/127\.0\.0\.1:\d+)/))[1] ?? "";
  client = folder.start(["client", "--server-url", remote, "--port", "0", "-l", "debug"], signIn());
  local = (await client.says(/(http:\/\/127\.0\.0\.1:\d+) relays/))[1] ?? "";
});

afterAll(async () => {
  for (const close of closing) await close();
  folder[Symbol.dispose]();
});

const signIn = (): Record<string, string> => ({
  SMCP_CLIENT_OIDC_ISSUER: issuer.url,
  SMCP_CLIENT_OIDC_CLIENT_ID: issuer.clientId,
  SMCP_CLIENT_OIDC_CLIENT_SECRET: issuer.clientSecret,
});

const INFO = { name: "app", version: "1.0.0" };
type Mode = "auto" | "legacy" | { readonly pin: string };

async function shout(path: string, mode: Mode): Promise<unknown> {
  const app = new Client(INFO, { versionNegotiation: { mode } });
  try {
    await app.connect(new StreamableHTTPClientTransport(new URL(path, local)));
    const { tools } = await app.listTools();
    const { content } = await app.callTool({ name: "shout", arguments: { text: "hé" } });
    return [tools.map(({ name }) => name), content];
  } finally {
    await app.close();
  }
}

describe("an unchanged app on the local endpoint", () => {
  test.each([
    ["/mcp/dual", "auto"],
    ["/mcp/dual", "legacy"],
    ["/mcp/dual", { pin: "2026-07-28" }],
    ["/mcp/modern", "auto"],
    ["/mcp/modern", { pin: "2026-07-28" }],
  ] as const)("at %s, in the era %j, lists and calls tools", async (path, mode) => {
    expect(await shout(path, mode)).toEqual([["shout"], [{ type: "text", text: "HÉ" }]]);
  });

  test("of the older era fails at a modern server as it does directly", async () => {
    await expect(shout("/mcp/modern", "legacy")).rejects.toThrow();
  });

  test("of the older SDK reaches a stdio server, several at once, each with a child of its own", async () => {
    const apps = await Promise.all(
      [1, 2, 3].map(async (number) => {
        const app = new LegacyClient(INFO);
        await app.connect(new LegacyTransport(new URL("/mcp/everything", local)));
        const { content } = await app.callTool({ name: "echo", arguments: { message: `hello ${number}` } });
        await app.close();
        return content;
      }),
    );
    expect(apps).toEqual([1, 2, 3].map((number) => [{ type: "text", text: `Echo: hello ${number}` }]));
  });

  test("that asks for both eras falls back at a stdio server of the older one", async () => {
    const app = new Client(INFO, { versionNegotiation: { mode: "auto" } });
    await app.connect(new StreamableHTTPClientTransport(new URL("/mcp/everything", local)));
    expect((await app.listTools()).tools.map(({ name }) => name)).toContain("echo");
    await app.close();
  });
});

test("an app that can only start a command speaks through smcp client --stdio", async () => {
  const remote = /relays to (\S+?)\/?\s/.exec(`${client.stderr} `)?.[1] ?? "";
  const app = new Client(INFO);
  const bin = new URL("../../../node_modules/.bin/smcp", import.meta.url).pathname;
  const env = { PATH: process.env["PATH"] ?? "", HOME: folder.path, ...signIn() };
  const transport = new StdioClientTransport({
    command: bin,
    args: ["client", "--server-url", remote, "--stdio", "/mcp/everything"],
    env,
    stderr: "ignore",
  });
  await app.connect(transport);
  const { content } = await app.callTool({ name: "get-sum", arguments: { a: 2, b: 3 } });
  expect(content).toEqual([{ type: "text", text: "The sum of 2 and 3 is 5." }]);
  await app.close();
});

test("nothing that either program wrote holds a token or a secret, and both end cleanly", async () => {
  client.child.kill("SIGTERM");
  server.child.kill("SIGTERM");
  const ends = await Promise.all([client.ended, server.ended]);
  const wrote = ends.map(({ stdout, stderr }) => stdout + stderr).join("\n");
  expect(wrote).toContain("mcp/everything");
  // One line on each side for one call, found by one id.
  const [atClient = "", atServer = ""] = ends.map(({ stderr }) => stderr);
  const line = /INFO: POST \/mcp\/dual: 200 in \d+ ms.*?"request_id":"([0-9a-f-]{36})"/.exec(atClient);
  expect(atServer).toMatch(new RegExp(`INFO: \\S+.* at dual: 200 in \\d+ ms.*"request_id":"${line?.[1]}"`));
  expect(wrote).not.toContain(issuer.clientSecret);
  expect(wrote).not.toContain(Buffer.from(issuer.clientSecret).toString("base64"));
  // Every JWT begins with the letters of {" in base64url.
  expect(wrote).not.toMatch(/eyJ[\w-]{10,}/);
  expect(ends.map(({ code }) => code)).toEqual([0, 0]);
});
