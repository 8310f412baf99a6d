/**
 * The app that the client scenarios of the conformance tool drive: a real SDK client that does what a scenario asks for.
 * `app.ts [--through-smcp] URL`: with the flag it goes through a client of smcp, started here, to that URL.
 */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const scenario = process.env["MCP_CONFORMANCE_SCENARIO"] ?? "";
const version = process.env["MCP_CONFORMANCE_PROTOCOL_VERSION"] ?? "2025-11-25";
const context = JSON.parse(process.env["MCP_CONFORMANCE_CONTEXT"] ?? "{}") as {
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: Record<string, unknown> }[];
};

/** What is done in a scenario once the tools were listed. */
const SCENARIOS: Readonly<Record<string, (app: Client, tools: readonly Tool[]) => Promise<unknown>>> = {
  initialize: async () => undefined,
  "request-metadata": async () => undefined,
  "json-schema-ref-no-deref": async () => undefined,
  tools_call: (app) => app.callTool({ name: "add_numbers", arguments: { a: 5, b: 3 } }),
  "elicitation-sep1034-client-defaults": (app) => app.callTool({ name: "test_client_elicitation_defaults" }),
  "sse-retry": (app) => app.callTool({ name: "test_reconnection" }),
  // The calls under way beside a question must not get anything of its answer. One of the answers has no type, which the
  // SDK refuses to take; that it came back for it is all that the scenario wants.
  "sep-2322-client-request-state": (app, tools) => Promise.allSettled(tools.map(({ name }) => app.callTool({ name }))),
  "http-standard-headers": async (app, tools) => {
    for (const { name } of tools) await app.callTool({ name, arguments: {} });
    const { resources } = await app.listResources();
    for (const { uri } of resources) await app.readResource({ uri });
    const { prompts } = await app.listPrompts();
    for (const { name } of prompts) await app.getPrompt({ name });
  },
  "http-custom-headers": async (app) => {
    for (const call of context.toolCalls ?? []) await app.callTool(call);
  },
  "http-invalid-tool-headers": async (app, tools) => {
    for (const { name } of tools) await app.callTool({ name, arguments: { region: "eu", value: "x" } });
  },
  "json-schema-2020-12-preservation": (app, tools) => {
    const schema = tools.find(({ name }) => name === "json_schema_2020_12_tool")?.inputSchema;
    return app.callTool({ name: "json_schema_echo", arguments: { schema } });
  },
};

type Tool = Awaited<ReturnType<Client["listTools"]>>["tools"][number];

const perform = SCENARIOS[scenario];
if (!perform) throw new Error(`there is no such scenario: "${scenario}"`);
const [url = "", isThrough] = process.argv.slice(2).toReversed();
const laptop = isThrough === undefined ? undefined : await throughSmcp(new URL(url));
const app = openApp();
await app.connect(new StreamableHTTPClientTransport(laptop?.url ?? new URL(url)));
const { tools } = await app.listTools();
await perform(app, tools);
await app.close();
await laptop?.close();

function openApp(): Client {
  const mode = version === "2026-07-28" ? "auto" : "legacy";
  const client = new Client(
    { name: "smcp-conformance", version: "1.0.0" },
    {
      versionNegotiation: { mode },
      capabilities: { roots: {}, sampling: {}, elicitation: { form: { applyDefaults: true } } },
    },
  );
  // An empty answer leaves the defaults of the form to the client itself.
  const content = scenario === "sep-2322-client-request-state" ? { confirmed: true } : {};
  client.setRequestHandler("elicitation/create", () => ({ action: "accept", content }));
  return client;
}

async function throughSmcp(remote: URL): Promise<{ readonly url: URL; close(): Promise<void> }> {
  const [{ startClient }, { loadClientSettings }, { silentLog }] = await Promise.all([
    import("@smcp/client"),
    import("@smcp/config"),
    import("@smcp/core"),
  ]);
  const { settings } = loadClientSettings({
    flags: { "server-url": remote.origin, port: "0", "auth-mode": "none", "shutdown-timeout": "200ms" },
    env: { XDG_CONFIG_HOME: import.meta.dirname },
    cwd: import.meta.dirname,
  });
  const client = await startClient(settings, silentLog);
  return { url: new URL(remote.pathname, client.url), close: () => client.close() };
}
