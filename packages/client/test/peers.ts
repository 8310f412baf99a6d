/** A real MCP server of the 1.x SDK over Streamable HTTP, with sessions. */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import {
  CallToolRequestSchema,
  ElicitResultSchema,
  ListToolsRequestSchema,
  type CallToolResult,
} from "@modelcontextprotocol/sdk/types.js";

export interface McpPeer extends AsyncDisposable {
  readonly url: string;
  /** Session ids that were opened, and those that were ended by DELETE. */
  readonly opened: string[];
  readonly ended: string[];
  /** The `authorization` of every request. */
  readonly authorizations: (string | undefined)[];
}

const TOOLS = ["echo", "count", "ask", "grow"].map((name) => ({ name, inputSchema: { type: "object" as const } }));

function say(text: string): CallToolResult {
  return { content: [{ type: "text", text }] };
}

function tools(): Server {
  const server = new Server(
    { name: "peer", version: "1" },
    { capabilities: { tools: { listChanged: true }, logging: {} } },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: TOOLS }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { sendNotification, sendRequest }) => {
    const { name, arguments: given = {} } = params;
    if (name === "count") {
      for (let n = 1; n <= Number(given["to"]); n++) {
        await sendNotification({ method: "notifications/message", params: { level: "info", data: n } });
      }
    } else if (name === "ask") {
      const requestedSchema = { type: "object" as const, properties: {} };
      const asked = { method: "elicitation/create" as const, params: { message: "name?", requestedSchema } };
      return say((await sendRequest(asked, ElicitResultSchema)).action);
    } else if (name === "grow") {
      // On no request's stream: it goes to the standing one.
      await server.sendToolListChanged();
    }
    return say(JSON.stringify(given));
  });
  return server;
}

/** Starts it on a free port; every path is the endpoint. */
export async function startMcpPeer(): Promise<McpPeer> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const peer = { opened: [] as string[], ended: [] as string[], authorizations: [] as (string | undefined)[] };
  const open = async (): Promise<StreamableHTTPServerTransport> => {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => {
        sessions.set(id, transport);
        peer.opened.push(id);
      },
      onsessionclosed: (id) => {
        peer.ended.push(id);
      },
    });
    await tools().connect(transport);
    return transport;
  };
  const server = createServer((incoming, outgoing) => {
    peer.authorizations.push(incoming.headers.authorization);
    const id = incoming.headers["mcp-session-id"];
    const known = typeof id === "string" ? sessions.get(id) : undefined;
    void (known ? Promise.resolve(known) : open()).then((transport) => transport.handleRequest(incoming, outgoing));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return Object.assign(peer, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      server.closeAllConnections();
      await closed;
    },
  });
}
