/** Reads the flags of one command with yargs, and writes its help. */
import type { Flag } from "@smcp/config";
import yargs, { type Argv } from "yargs";
import { spell } from "./spell.ts";
import { usageError } from "./usage-error.ts";

/** What a command is and takes. */
export interface CommandLine {
  /** `smcp client`. */
  readonly command: string;
  readonly description: string;
  readonly flags: readonly Flag[];
  /** What may stand beside the flags, as the help names it: `[KEY]`. One at most. */
  readonly word?: string;
  readonly examples?: readonly (readonly [command: string, meaning: string])[];
}

/** The flags as they were given, or a text to print instead of running. */
export type Parsed =
  | { readonly flags: Readonly<Record<string, string | undefined>>; readonly word: string | undefined }
  | { readonly help: string };

const PARSER = {
  "camel-case-expansion": false,
  "dot-notation": false,
  "parse-numbers": false,
  "parse-positional-numbers": false,
  "duplicate-arguments-array": false,
  "boolean-negation": false,
  "strip-aliased": true,
};

/**
 * Reads the arguments after a command.
 *
 * @throws Failure with exit code 2 for a command line that cannot be understood
 */
export async function parseFlags(line: CommandLine, args: readonly string[], columns: number): Promise<Parsed> {
  const words: string[] = [];
  const spelt = spell(args, line.flags, line.command, line.word === undefined ? undefined : words);
  const parser = configure(line).wrap(columns);
  if (spelt.includes("--help")) return { help: `${await parser.getHelp()}\n` };
  const values = (await parser.parseAsync(spelt)) as Readonly<Record<string, unknown>>;
  const flags: Record<string, string> = {};
  for (const { name } of line.flags) {
    const value = values[name];
    if (typeof value === "string" || typeof value === "boolean") flags[name] = String(value);
  }
  if (words.length > 1) {
    throw usageError(`the argument "${words[1]}" is one too many`, `see ${line.command} --help`);
  }
  return { flags, word: words[0] };
}

function configure({ command, description, flags, word, examples = [] }: CommandLine): Argv {
  let parser = yargs()
    .scriptName(command)
    .usage(`${description}\n\nUsage: $0 ${word === undefined ? "" : `${word} `}[flags]`)
    .parserConfiguration(PARSER)
    .detectLocale(false)
    .exitProcess(false)
    .showHelpOnFail(false)
    .version(false)
    .help(false)
    .strict()
    .fail((message: string, error: Error | undefined) => {
      throw error ?? usageError(message, `see ${command} --help`);
    });
  for (const flag of flags) {
    parser = parser.option(flag.name, {
      type: flag.kind === "switch" ? "boolean" : "string",
      description: describe(flag),
      ...(flag.alias !== undefined && { alias: flag.alias }),
      ...(flag.fallback !== undefined && { defaultDescription: flag.fallback }),
    });
  }
  parser = parser.option("help", { type: "boolean", alias: "h", description: "show this" });
  for (const [one, meaning] of examples) parser = parser.example(one, meaning);
  return parser;
}

function describe({ description, values, unbuilt }: Flag): string {
  const words = values === undefined ? "" : `: ${values.join(", ")}`;
  if (unbuilt === true) return `${description}${words} (not built yet)`;
  return unbuilt === undefined
    ? `${description}${words}`
    : `${description}${words} (not built yet: ${unbuilt.join(", ")})`;
}

/** How wide help may be. */
export function columnsOf(stdout: { readonly columns?: number }): number {
  return Math.min(stdout.columns ?? 100, 120);
}
