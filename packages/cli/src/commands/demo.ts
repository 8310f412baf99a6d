/** `smcp demo`: the whole pair on one machine. Lives in a package that only a clone has. */
import { type Flag, resolveFlags } from "@smcp/config";
import { Failure } from "@smcp/core";
import type { runDemo } from "@smcp/demo";
import type { Command } from "../context.ts";
import { openLog } from "../log.ts";
import { wantsColour } from "../output.ts";
import { columnsOf, parseFlags } from "../parse.ts";

const flags: readonly Flag[] = [
  { name: "once", kind: "switch", description: "end after the tour" },
  { name: "port", kind: "integer", description: "port of the client", fallback: "8081" },
  { name: "log-level", kind: "string", alias: "l", description: "debug, info, warn or error", fallback: "warn" },
];

const line = {
  command: "smcp demo",
  description: "The whole pair on this machine, with an identity provider and real MCP servers",
  flags,
} as const;

export const demo: Command = {
  async run(args, { env, stdout, stderr }) {
    const parsed = await parseFlags(line, args, columnsOf(stdout));
    if ("help" in parsed) {
      stdout.write(parsed.help);
      return 0;
    }
    const { values } = resolveFlags(flags, { flags: parsed.flags, env: {}, prefix: "" });
    const level = values.get("log-level") as string;
    const log = await openLog({ level, format: "text", colour: wantsColour(stderr, env) });
    try {
      const demo = await importDemo();
      return await demo.runDemo({
        once: values.get("once") === true,
        port: values.get("port") as number,
        smcp: [process.execPath, ...process.execArgv, process.argv[1] ?? ""],
        env,
        log,
        output: stdout,
      });
    } finally {
      await log.close();
    }
  },
};

async function importDemo(): Promise<{ readonly runDemo: typeof runDemo }> {
  try {
    return await import("@smcp/demo");
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message?: string };
    if (code !== "ERR_MODULE_NOT_FOUND" || message?.includes("@smcp/demo") !== true) throw error;
    throw new Failure("the demo is not part of the installed package", "clone the repository and run npm start there");
  }
}
