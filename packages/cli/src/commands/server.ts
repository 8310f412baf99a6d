/** `smcp server`: load, say what will run, run it. */
import { resolve } from "node:path";
import {
  loadServerSettings,
  refuseUnbuilt,
  resolveFlags,
  SERVER_PREFIX,
  SERVER_VARIABLES,
  serverFlags,
} from "@smcp/config";
import type { RunningServer } from "@smcp/server";
import type { Command, Context } from "../context.ts";
import { openLog } from "../log.ts";
import { wantsColour } from "../output.ts";
import { jsonText } from "../output-flag.ts";
import { columnsOf, parseFlags } from "../parse.ts";
import { outline, outlineJson, type Printed } from "../outline.ts";
import { reloader } from "../reload.ts";
import { runUntilStopped } from "../run.ts";
import { version } from "../version.ts";
import { watchFile } from "../watch-file.ts";

const line = {
  command: "smcp server",
  description: "The cluster side: validates, routes, relays",
  flags: serverFlags,
  examples: [
    ["smcp server -c smcp.yaml --check", "say what would run"],
    ["smcp server -c smcp.yaml -f json", "run, with a log for machines"],
  ],
} as const;

export const server: Command = {
  async run(args, { env, cwd, stdout, stderr }) {
    const parsed = await parseFlags(line, args, columnsOf(stdout));
    if ("help" in parsed) return print(stdout, parsed.help);
    const { values } = resolveFlags(serverFlags, { flags: parsed.flags, env: flagsOf(env), prefix: SERVER_PREFIX });
    const text = (name: string): string | undefined => values.get(name) as string | undefined;
    const authMode = text("auth-mode") as "none" | "oidc" | undefined;
    const load = (path = text("config")) => loadServerSettings({ path, env, cwd, flags: { authMode } });
    const loaded = load();
    if (values.get("check") === true) {
      const isJson = text("output") === "json";
      return print(stdout, isJson ? jsonText(outlineJson(loaded)) : checkText(outline(loaded)));
    }
    refuseUnbuilt(loaded.unbuilt, loaded.file);

    const format = text("log-format") === "json" ? "json" : "text";
    const log = await openLog({ level: text("log-level") ?? "info", format, colour: wantsColour(stderr, env) });
    for (const warning of loaded.settings.warnings) log.warn({}, warning);
    const server = Promise.withResolvers<RunningServer>();
    const reload = reloader({ loaded, load: () => load(loaded.file), server: server.promise, log });
    using _watching = watchFile(resolve(cwd, loaded.file), () => void reload(false));
    const start = async () => {
      const { startServer } = await import("@smcp/server");
      const running = await startServer(loaded.settings, log, { env, version });
      for (const [name, value] of outline(loaded, running.url).lines) log.info({}, `${name}: ${value}`);
      server.resolve(running);
      return running;
    };
    return await runUntilStopped(log, start, () => void reload(true));
  },
};

/** The few variables that stand for flags; those of the file's keys are the file's matter. */
function flagsOf(env: Context["env"]): Context["env"] {
  return Object.fromEntries(SERVER_VARIABLES.map((one) => [one, env[one]]));
}

function print(stdout: NodeJS.WriteStream, text: string): number {
  stdout.write(text);
  return 0;
}

function checkText({ lines, warnings }: Printed): string {
  const all = [...lines, ...warnings.map((one) => ["warning", one] as const)];
  return all.map(([name, value]) => `${name}: ${value}\n`).join("");
}
