import { PassThrough } from "node:stream";

import { Client as McpClient } from "@modelcontextprotocol/sdk/client/index.js";
import { ReadBuffer, serializeMessage } from "@modelcontextprotocol/sdk/shared/stdio.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { silentLog } from "@smcp/core";
import { expect, test } from "vitest";

import { startClient } from "../src/index.ts";
import { startMcpPeer } from "./peers.ts";
import { settingsFor } from "./settings.ts";

interface Pipes {
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
}

function pipes(): Pipes {
  return { stdin: new PassThrough(), stdout: new PassThrough() };
}

/** The SDK's own framing on two pipes: what its stdio transport does with a child. */
function transportOn({ stdin, stdout }: Pipes): Transport {
  const buffer = new ReadBuffer();
  const transport: Transport = {
    start: () => {
      stdout.on("data", (chunk: Buffer) => {
        buffer.append(chunk);
        for (let message = buffer.readMessage(); message; message = buffer.readMessage())
          transport.onmessage?.(message);
      });
      return Promise.resolve();
    },
    send: (message) => {
      stdin.write(serializeMessage(message));
      return Promise.resolve();
    },
    close: () => {
      stdin.end();
      return Promise.resolve();
    },
  };
  return transport;
}

test("a real SDK client on stdio uses a real server: calls, streams, questions, the standing stream, an orderly end", async () => {
  await using peer = await startMcpPeer();
  const io = pipes();
  const client = await startClient(
    settingsFor(peer.url, { stdioPath: "/v1/peer", shutdownTimeout: 2_000 }),
    silentLog,
    io,
  );
  expect(client.url).toBe(`${peer.url}/v1/peer`);

  const app = new McpClient({ name: "app", version: "1" }, { capabilities: { elicitation: {} } });
  const logged: unknown[] = [];
  app.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logged.push(params.data));
  app.setRequestHandler(ElicitRequestSchema, () => ({ action: "decline" as const }));
  const changed = new Promise((resolve) => {
    app.setNotificationHandler(ToolListChangedNotificationSchema, resolve);
  });
  await app.connect(transportOn(io));

  expect((await app.listTools()).tools.map((one) => one.name)).toEqual(["echo", "count", "ask", "grow"]);
  const echo = await app.callTool({ name: "echo", arguments: { text: "ä\u2028\n" } });
  expect(echo.content).toEqual([{ type: "text", text: JSON.stringify({ text: "ä\u2028\n" }) }]);
  await app.callTool({ name: "count", arguments: { to: 3 } });
  expect(logged).toEqual([1, 2, 3]);
  expect((await app.callTool({ name: "ask" })).content).toEqual([{ type: "text", text: "decline" }]);
  // The stream opens beside the first calls: asked until it is there.
  const grown = changed.then(() => true);
  while (!(await Promise.race([grown, app.callTool({ name: "grow" }).then(() => false)])));

  await app.close();
  await client.done;
  expect(peer.opened).toHaveLength(1);
  expect(peer.ended).toEqual(peer.opened);
});
