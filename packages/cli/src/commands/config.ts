/** `smcp config`: what is wrong with the server's file, what a key is and where its value comes from, the schema. */
import { checkServerFile, clientJsonSchema, explain, type Flag, resolveFlags, serverJsonSchema } from "@smcp/config";
import { Failure } from "@smcp/core";
import { checkJson, checkText, explainText } from "../config-text.ts";
import type { Command, Context } from "../context.ts";
import { jsonText, outputFlag } from "../output-flag.ts";
import { columnsOf, type CommandLine, parseFlags } from "../parse.ts";
import { usageError } from "../usage-error.ts";

const fileFlags: readonly Flag[] = [
  {
    name: "config",
    kind: "string",
    alias: "c",
    description: "YAML or JSON file; left out: the one that smcp server would find",
  },
  { name: "auth-mode", kind: "string", description: "as smcp server is given it", values: ["none", "oidc"] },
  outputFlag,
];

const lines = {
  check: {
    command: "smcp config check",
    description:
      "Tells everything that is wrong with the server's file, with file and line; exit code 2 if anything is",
    flags: fileFlags,
    word: "[FILE]",
    examples: [["smcp config check smcp.yaml --output json", "for a program"]],
  },
  explain: {
    command: "smcp config explain",
    description: "Tells what a key is, what it is set to and where that comes from; without a key, of all of them",
    flags: fileFlags,
    word: "[KEY]",
    examples: [
      ["smcp config explain server.port", "one key"],
      ["smcp config explain mcp.backends[0]", "a section"],
    ],
  },
  schema: {
    command: "smcp config schema",
    description: "Prints the JSON Schema of the server's file, or of the client's",
    flags: [],
    word: "[server|client]",
    examples: [
      ["smcp config schema > smcp.schema.json", "name it in # yaml-language-server: $schema=smcp.schema.json"],
    ],
  },
} as const satisfies Readonly<Record<string, CommandLine>>;

interface Asked {
  readonly word: string | undefined;
  readonly file: string | undefined;
  readonly flags: { readonly authMode: "none" | "oidc" | undefined };
  readonly isJson: boolean;
}

const verbs: Readonly<Record<keyof typeof lines, (asked: Asked, context: Context) => number>> = {
  check({ word, file, flags, isJson }, { env, cwd, stdout, stderr }) {
    const checked = checkServerFile({ path: file ?? word, env, cwd, flags });
    if (isJson) stdout.write(jsonText(checkJson(checked)));
    else if (checked.problems.length > 0) stderr.write(checkText(checked));
    else stdout.write(checkText(checked));
    return checked.problems.length > 0 ? 2 : 0;
  },
  explain({ word, file, flags, isJson }, { env, cwd, stdout }) {
    const explanation = explain({ path: file, env, cwd, flags }, word);
    const { self, below } = explanation;
    const data = self && below.length === 0 ? self : [...(self ? [self] : []), ...below];
    stdout.write(isJson ? jsonText(data) : explainText(explanation));
    return 0;
  },
  schema({ word = "server" }, { stdout }) {
    if (word !== "server" && word !== "client") throw usageError(`there is no schema of "${word}"`, "server or client");
    const schema = word === "server" ? serverJsonSchema() : clientJsonSchema();
    stdout.write(jsonText(schema));
    return 0;
  },
};

export const config: Command = {
  async run([verb, ...args], context) {
    if (verb === undefined || verb === "--help" || verb === "-h") {
      if (verb === undefined) throw usageError("no verb is given", "one of check, explain, schema");
      context.stdout.write(helpText());
      return 0;
    }
    if (verb === "import") {
      throw usageError('the command "config import" is not built yet in this version', "see smcp config --help");
    }
    if (!isVerb(verb)) throw usageError(`the verb "${verb}" is not known`, "one of check, explain, schema");
    const line: CommandLine = lines[verb];
    const parsed = await parseFlags(line, args, columnsOf(context.stdout));
    if ("help" in parsed) {
      context.stdout.write(parsed.help);
      return 0;
    }
    const { values } = resolveFlags(line.flags, { flags: parsed.flags, env: {}, prefix: "" });
    const file = values.get("config") as string | undefined;
    if (verb === "check" && file !== undefined && parsed.word !== undefined) {
      throw new Failure("the file is named twice", "leave --config out, or the argument", 2);
    }
    const authMode = values.get("auth-mode") as "none" | "oidc" | undefined;
    return verbs[verb](
      { word: parsed.word, file, flags: { authMode }, isJson: values.get("output") === "json" },
      context,
    );
  },
};

function isVerb(verb: string): verb is keyof typeof lines {
  return Object.hasOwn(lines, verb);
}

function helpText(): string {
  const rows = Object.values(lines).map(({ command, description }) => `  ${command.padEnd(22)}${description}`);
  return `The server's file\n\n${rows.join("\n")}\n\nNot built yet: import\n\n<command> --help tells its flags.\n`;
}
