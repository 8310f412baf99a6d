/** A scenario of sign-in as the conformance tool hands it over, and what an app does in every one of them. */
import { Client, StreamableHTTPClientTransport, type FetchLike } from "@modelcontextprotocol/client";

/** One run of one scenario. */
export interface Scenario {
  readonly name: string;
  /** The protocol version that it speaks. */
  readonly version: string;
  /** The tool's own MCP server. */
  readonly url: string;
  /** What an operator would have been told: client ids, secrets, keys. */
  readonly context: Readonly<Record<string, string | undefined>>;
}

/** The client id that the tool knows: a metadata document at an address that nobody serves. */
export const CLIENT_DOCUMENT = "https://conformance-test.local/client-metadata.json";

/** Who the server's tokens come from: what an operator knows, and no scenario says. */
export async function issuerOf({ url }: Scenario): Promise<string> {
  const { origin, pathname } = new URL(url);
  const response = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  const { authorization_servers: issuers } = (await response.json()) as { readonly authorization_servers: string[] };
  return issuers[0] ?? "";
}

/** Whether a step that ended with this error is worth repeating. */
type Again = (error: unknown) => Promise<boolean>;

/**
 * Visits the server: its tools are listed and one is called. Rejects with the SDK's error, which some scenarios want.
 */
export async function visitAs(
  { version }: Scenario,
  at: { readonly url: URL; readonly fetch?: FetchLike; readonly again?: Again },
): Promise<void> {
  const mode = version === "2026-07-28" ? "auto" : "legacy";
  const app = new Client({ name: "smcp-conformance", version: "1.0.0" }, { versionNegotiation: { mode } });
  const transport = new StreamableHTTPClientTransport(at.url, at.fetch && { fetch: at.fetch });
  try {
    await app.connect(transport);
    await repeated(() => app.listTools(), at.again);
    await repeated(() => app.callTool({ name: "test-tool", arguments: {} }), at.again);
  } finally {
    await app.close();
  }
}

async function repeated(step: () => Promise<unknown>, again?: Again): Promise<void> {
  for (;;) {
    try {
      await step();
      return;
    } catch (error) {
      if ((await again?.(error)) !== true) throw error;
    }
  }
}
