/** `smcp doctor`: finds what keeps the client from working, and says how to mend it. */
import type { Finding } from "@smcp/client";
import { clientFlags, type LoadedClient, loadClientSettings } from "@smcp/config";
import { Failure } from "@smcp/core";
import type { Command } from "../context.ts";
import { openLog } from "../log.ts";
import { wantsColour } from "../output.ts";
import { jsonText, outputFlag, readDataCommand } from "../output-flag.ts";

const line = {
  command: "smcp doctor",
  description:
    "Looks for what is wrong with the client's surroundings and says how to mend it; exit code 1 if anything is",
  flags: [...clientFlags.filter(({ unbuilt }) => unbuilt !== true), outputFlag],
  examples: [
    ["smcp doctor --server-url https://mcp.example.com", "with the flags that smcp client is started with"],
    ["smcp doctor --output json", "for a program"],
  ],
} as const;

export const doctor: Command = {
  async run(args, { env, cwd, stdout, stderr }) {
    const read = await readDataCommand(line, args, { stdout });
    if (!read) return 0;
    const { flags, isJson } = read;
    const log = await openLog({ level: "error", format: "text", colour: wantsColour(stderr, env) });
    const findings: Finding[] = [];
    const loaded = load(() => loadClientSettings({ flags, env, cwd }), findings);
    if (loaded) findings.push(...(await (await import("@smcp/client")).examine(loaded.settings, log)));
    await log.close();
    const isBad = findings.some(({ result }) => result === "fail");
    stdout.write(isJson ? jsonText({ ok: !isBad, checks: findings }) : findings.map(textOf).join(""));
    return isBad ? 1 : 0;
  },
};

/** The configuration is the first thing that is looked at. */
function load(read: () => LoadedClient, findings: Finding[]): LoadedClient | undefined {
  try {
    const loaded = read();
    findings.push({ check: "configuration", result: "ok", message: "flags, variables and client.yaml are in order" });
    for (const message of loaded.warnings) {
      findings.push({ check: "configuration", result: "warn", message, hint: "see smcp client --help" });
    }
    return loaded;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    findings.push({ check: "configuration", result: "fail", message: error.message, hint: error.hint });
    return undefined;
  }
}

/** What a peer said of itself must not steer a terminal. */
function clean(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, " ");
}

function textOf({ check, result, message, hint }: Finding): string {
  const head = `${result.padEnd(5)} ${check.padEnd(14)} ${clean(message)}\n`;
  return hint === undefined ? head : `${head}      hint: ${clean(hint)}\n`;
}
