/** `smcp init`: a first configuration of the server. Never writes over a file that is there. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Flag, resolveFlags, starterFile } from "@smcp/config";
import { describeError, Failure } from "@smcp/core";
import type { Command } from "../context.ts";
import { columnsOf, parseFlags } from "../parse.ts";

const flags: readonly Flag[] = [
  { name: "config", kind: "string", alias: "c", description: "the file to write", fallback: "smcp.yaml" },
];

const line = {
  command: "smcp init",
  description: "Writes a commented configuration of the server that starts as it is",
  flags,
  examples: [["smcp init", "write smcp.yaml here; then: smcp server"]],
} as const;

export const init: Command = {
  async run(args, { cwd, stdout }) {
    const parsed = await parseFlags(line, args, columnsOf(stdout));
    if ("help" in parsed) {
      stdout.write(parsed.help);
      return 0;
    }
    const file = resolveFlags(flags, { flags: parsed.flags, env: {}, prefix: "" }).values.get("config") as string;
    write(resolve(cwd, file), file);
    stdout.write(`wrote ${file}\nnext: smcp server --config ${file}\n`);
    return 0;
  },
};

function write(path: string, file: string): void {
  try {
    writeFileSync(path, starterFile(), { flag: "wx" });
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === "EEXIST") {
      throw new Failure(`"${file}" is there already`, "name another file with --config, or move this one away");
    }
    throw new Failure(`"${file}" cannot be written: ${describeError(error)}`, "check the folder and your rights in it");
  }
}
