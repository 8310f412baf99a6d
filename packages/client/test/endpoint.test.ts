/** The HTTP+SSE transport of 2024-11-05 through the pair: an app, the client, the server, a real server of npm. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { Secret, silentLog } from "@smcp/core";
import { everythingServer, httpBackend, startTestServer } from "@smcp/testing";
import { expect, onTestFinished, test } from "vitest";

import { startClient } from "../src/index.ts";
import { startBackend } from "./backend.ts";
import { settingsFor } from "./settings.ts";
import { speak } from "./speak.ts";

const server = { sessionKey: new Secret("0123456789abcdef0123456789abcdef") };

async function startAt(url: string): Promise<string> {
  const client = await startClient(settingsFor(url), silentLog);
  onTestFinished(() => client.close());
  return client.url;
}

test("an app calls a tool, at a server whose URL has a path of its own too", async () => {
  await using everything = await everythingServer("sse");
  const backends = ["/v1/old", "/team/v1/old"].map((path) => httpBackend(path, `${everything.url}/sse`, { path }));
  await using at = await startTestServer({ server, backends });
  for (const url of [at.url, `${at.url}/team/`]) {
    const app = new Client({ name: "app", version: "1" });
    await app.connect(new SSEClientTransport(new URL(`${await startAt(url)}/v1/old`)));
    const { content } = await app.callTool({ name: "echo", arguments: { message: "hé" } });
    expect(content).toEqual([{ type: "text", text: "Echo: hé" }]);
    await app.close();
  }
});

const stream = (path: string): string =>
  `: hi\r\n\r\nid: 1\r\nevent: endpoint\r\ndata: ${path}\r\n\r\ndata: /team/x\r\n\r\n`;

test.each([
  ["/team/v1/old/x?y", "/v1/old/x?y"],
  ["/teams/v1/old/x", "/teams/v1/old/x"],
  ["/v1/old/x", "/v1/old/x"],
])("the server URL's path is taken off an endpoint where it stands: %s is %s", async (said, expected) => {
  await using backend = await startBackend((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).end(stream(said));
  });
  const { body } = await speak(await startAt(`${backend.url}/team`), { path: "/v1/old" });
  expect(body).toBe(stream(expected));
});
