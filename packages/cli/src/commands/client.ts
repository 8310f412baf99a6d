/** `smcp client`: the laptop side. On `--stdio` its standard output speaks MCP and nothing else. */
import { clientFlags, CLIENT_PREFIX, loadClientSettings, variablesOf } from "@smcp/config";
import type { Command } from "../context.ts";
import { openLog } from "../log.ts";
import { wantsColour } from "../output.ts";
import { columnsOf, parseFlags } from "../parse.ts";
import { runUntilStopped } from "../run.ts";

const line = {
  command: "smcp client",
  description: "The laptop side: an MCP endpoint on localhost that signs in and relays",
  flags: clientFlags,
  examples: [
    ["smcp client --server-url https://mcp.example.com", "apps then use http://127.0.0.1:8081/<path of a backend>"],
    ["smcp client --server-url https://mcp.example.com --stdio /v1/docs", "for an app that starts a command"],
  ],
} as const;

export const client: Command = {
  async run(args, { env, cwd, stdin, stdout, stderr }) {
    const parsed = await parseFlags(line, args, columnsOf(stdout));
    if ("help" in parsed) {
      stdout.write(`${parsed.help}\n${variablesText()}`);
      return 0;
    }
    const { settings, log: logging, warnings } = loadClientSettings({ flags: parsed.flags, env, cwd });
    const log = await openLog({ ...logging, colour: wantsColour(stderr, env) });
    for (const warning of warnings) log.warn({}, warning);
    return runUntilStopped(log, async () => {
      const { localPerson, startClient } = await import("@smcp/client");
      const person = localPerson({ env, screen: stderr });
      const running = await startClient(settings, log, { stdin, stdout }, person);
      const { url } = running;
      const where =
        settings.stdioPath === undefined ? `${url} relays to ${settings.serverUrl.href}` : `stdio relays to ${url}`;
      log.info({}, where);
      return running;
    });
  },
};

function variablesText(): string {
  const aliases = clientFlags.flatMap((flag) =>
    (flag.variables ?? []).map((one) => `${one} (as ${variablesOf(flag, CLIENT_PREFIX)[0]})`),
  );
  return (
    `Every flag is also a variable: ${CLIENT_PREFIX} and its name, such as ${CLIENT_PREFIX}SERVER_URL, and a key of ` +
    `client.yaml in $XDG_CONFIG_HOME/smcp. Flags count before variables, variables before the file.\n` +
    `Also known: ${aliases.join(", ")}\n`
  );
}
