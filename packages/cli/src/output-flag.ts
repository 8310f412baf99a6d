/** `--output`, which every command that prints data has: text for people, JSON for programs. */
import { type Flag, resolveFlags } from "@smcp/config";

import type { Context } from "./context.ts";
import { type CommandLine, columnsOf, parseFlags } from "./parse.ts";

/** The flag, as a command lists it. */
export const outputFlag: Flag = {
  name: "output",
  kind: "string",
  description: "how it prints",
  fallback: "text",
  values: ["text", "json"],
};

/** The flags of a command line without `--output`, and what that said. */
export interface DataCommand {
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly isJson: boolean;
}

/**
 * Reads the arguments of a command that prints data.
 *
 * @returns `undefined` when they asked for help, which was printed
 */
export async function readDataCommand(
  line: CommandLine,
  args: readonly string[],
  { stdout }: Pick<Context, "stdout">,
): Promise<DataCommand | undefined> {
  const parsed = await parseFlags(line, args, columnsOf(stdout));
  if ("help" in parsed) {
    stdout.write(parsed.help);
    return undefined;
  }
  const { output, ...flags } = parsed.flags;
  const { values } = resolveFlags([outputFlag], { flags: { output }, env: {}, prefix: "" });
  return { flags, isJson: values.get("output") === "json" };
}

/** Data as a program reads it. */
export function jsonText(data: unknown): string {
  return `${JSON.stringify(data, undefined, 2)}\n`;
}
