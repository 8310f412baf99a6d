/** The whole pair with a real provider: apps that come before their person has signed in. */
import { Client as McpClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { startIssuer } from "@smcp/demo";
import { browse, httpBackend, startTestServer, trust } from "@smcp/testing";
import { expect, onTestFinished, test } from "vitest";

import { startMcpPeer } from "./peers.ts";
import { startInFront } from "./protected.ts";
import { Visitor } from "./visitor.ts";

test("ten apps that come at once wait for one sign-in, and the server itself answers them all", async () => {
  await using issuer = await startIssuer({ people: {} });
  await using peer = await startMcpPeer();
  await using server = await startTestServer({
    backends: [httpBackend("peer", peer.url)],
    issuers: [trust(issuer.url)],
    client: { clientId: "smcp-laptop", flows: [] },
  });
  const person = new Visitor();
  person.visits = false;
  const { client } = await startInFront(server.url, {}, person);
  const apps = Array.from({ length: 10 }, (_, n) => new McpClient({ name: `app-${n}`, version: "1" }));
  const connected = Promise.all(
    apps.map((app) => app.connect(new StreamableHTTPClientTransport(new URL("/peer", client.url)))),
  );
  onTestFinished(async () => void (await Promise.all(apps.map((app) => app.close()))));
  await expect.poll(() => person.opened).toHaveLength(1);
  expect(peer.opened).toEqual([]);
  await browse(person.opened[0] ?? "");
  await connected;
  for (const app of apps) {
    expect(app.getServerVersion()?.name).toBe("peer");
    expect((await app.listTools()).tools).toHaveLength(4);
  }
  expect(person.opened).toHaveLength(1);
  expect(peer.opened).toHaveLength(10);
});
