/** A small tour with a real MCP client, as any app would make it: no token, no smcp in sight, only the URL on localhost. */
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { Failure, type Duration } from "@smcp/core";
import { PATHS, WELCOME, type Scratch } from "./server-file.ts";
import type { Steps } from "./steps.ts";

const CALL_LIMIT: Duration = 20_000;
const SHOWN_TOOLS = 3;

/** One tool call of the tour: what is asked, and what its answer has to hold. */
interface Call {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly expected: string;
}

/**
 * Lists the tools of every server and calls some.
 *
 * @param base where the client listens: `http://localhost:8081`
 */
export async function tour(base: string, scratch: Scratch, steps: Steps, signal: AbortSignal): Promise<void> {
  const stops: readonly (readonly [path: string, call?: Call])[] = [
    [PATHS.everything, { tool: "echo", args: { message: "hello through smcp" }, expected: "hello through smcp" }],
    [PATHS.everythingHttp, { tool: "get-sum", args: { a: 19, b: 23 }, expected: "42" }],
    [PATHS.memory],
    [PATHS.files, { tool: "read_text_file", args: { path: scratch.welcome }, expected: WELCOME.trim() }],
  ];
  for (const [path, call] of stops) {
    const client = await steps.run(`tools of ${path}`, async () => {
      const opened = await connect(`${base}${path}`, signal);
      const { tools } = await opened.listTools(undefined, { signal, timeout: CALL_LIMIT });
      return [summary(tools.map((tool) => tool.name)), opened];
    });
    try {
      if (call) {
        await steps.run(`  ${call.tool}`, async () => {
          const answer = await callTool(client, call, signal);
          return [answer, answer];
        });
      }
    } finally {
      await disconnect(client);
    }
  }
}

async function connect(url: string, signal: AbortSignal): Promise<Client> {
  const [{ Client }, { StreamableHTTPClientTransport }] = await Promise.all([
    import("@modelcontextprotocol/sdk/client/index.js"),
    import("@modelcontextprotocol/sdk/client/streamableHttp.js"),
  ]);
  const client = new Client({ name: "smcp-demo", version: "1.0.0" });
  const transport = new StreamableHTTPClientTransport(new URL(url));
  await client.connect(transport, { signal, timeout: CALL_LIMIT });
  return client;
}

async function callTool(client: Client, call: Call, signal: AbortSignal): Promise<string> {
  const { content, isError } = await client.callTool({ name: call.tool, arguments: { ...call.args } }, undefined, {
    signal,
    timeout: CALL_LIMIT,
  });
  const parts = content as readonly { readonly type: string; readonly text?: string }[];
  const text = parts.map((part) => part.text ?? `(${part.type})`).join(" ");
  if (isError === true || !text.includes(call.expected)) {
    throw new Failure(
      `the tool "${call.tool}" answered: ${text.trim()}`,
      "run with --log-level debug for the whole story",
    );
  }
  return text.trim();
}

async function disconnect(client: Client): Promise<void> {
  const { transport } = client;
  if (transport && "terminateSession" in transport) {
    // A session that cannot be ended politely ends with the server.
    await (transport as { terminateSession(): Promise<void> }).terminateSession().catch(() => undefined);
  }
  await client.close();
}

function summary(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_TOOLS).join(", ");
  return names.length > SHOWN_TOOLS ? `${shown} and ${names.length - SHOWN_TOOLS} more` : shown;
}
