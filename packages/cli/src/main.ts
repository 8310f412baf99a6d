/** The commands of the program, and how a run of it ends. */
import type { Command, Context } from "./context.ts";
import { reportError } from "./output.ts";
import { usageError } from "./usage-error.ts";
import { version } from "./version.ts";

interface Entry {
  readonly description: string;
  /** Imported only when it is run: each brings a good deal with it. */
  readonly load: () => Promise<Command>;
}

const commands: ReadonlyMap<string, Entry> = new Map([
  [
    "client",
    {
      description: "the laptop side: an MCP endpoint on localhost that signs in and relays",
      load: async () => (await import("./commands/client.ts")).client,
    },
  ],
  [
    "server",
    {
      description: "the cluster side: validates, routes, relays",
      load: async () => (await import("./commands/server.ts")).server,
    },
  ],
  [
    "login",
    {
      description: "sign in ahead of time: who, where, until when",
      load: async () => (await import("./commands/login.ts")).login,
    },
  ],
  [
    "logout",
    {
      description: "sign out: delete the sign-in on this machine and have it revoked",
      load: async () => (await import("./commands/logout.ts")).logout,
    },
  ],
  [
    "status",
    {
      description: "who is signed in where, and what the running clients do",
      load: async () => (await import("./commands/status.ts")).status,
    },
  ],
  [
    "doctor",
    {
      description: "find what keeps the client from working, and how to mend it",
      load: async () => (await import("./commands/doctor.ts")).doctor,
    },
  ],
  [
    "config",
    {
      description:
        "check, explain: what is wrong with the server's file, where a value comes from; schema: for editors",
      load: async () => (await import("./commands/config.ts")).config,
    },
  ],
  [
    "init",
    {
      description: "write a commented smcp.yaml that starts as it is",
      load: async () => (await import("./commands/init.ts")).init,
    },
  ],
  [
    "demo",
    {
      description: "the whole pair on this machine, with an identity provider and real MCP servers",
      load: async () => (await import("./commands/demo.ts")).demo,
    },
  ],
]);

/** Commands that are settled but not built yet. */
const LATER = ["policy", "keys", "agents", "servers", "audit", "usage"];

/**
 * Runs the program.
 *
 * @param args without the program itself
 * @returns the exit code
 */
export async function main(args: readonly string[]): Promise<number> {
  // eslint-disable-next-line node/no-process-env -- the one place: everything below gets it as an argument
  const { env, stdin, stdout, stderr } = process;
  // A reader that went away, `| head` say, is no reason for a stack trace.
  for (const one of [stdout, stderr]) one.on("error", () => undefined);
  const context: Context = { env, cwd: process.cwd(), stdin, stdout, stderr };
  try {
    return await dispatch(args, context);
  } catch (error) {
    return reportError(error, stderr, env);
  }
}

const HELP = new Set(["--help", "-h", "-help", "help"]);
const VERSION = new Set(["--version", "-version", "version"]);

async function dispatch([name, ...rest]: readonly string[], context: Context): Promise<number> {
  if (name === undefined) {
    throw usageError("no command is given", `one of ${[...commands.keys()].join(", ")}; see smcp --help`);
  }
  if (HELP.has(name)) return print(context, helpText());
  const command = commands.get(name);
  if (VERSION.has(name) || (command && rest.includes("--version"))) return print(context, `${version}\n`);
  if (command) return (await command.load()).run(rest, context);
  if (LATER.includes(name)) {
    throw usageError(`the command "${name}" is not built yet in this version`, "see smcp --help for those that are");
  }
  throw await unknown(name);
}

async function unknown(name: string): Promise<Error> {
  if (name.startsWith("-")) {
    return usageError(
      `the flag "${name.replace(/=.*$/s, "")}" is not known here`,
      "flags come after a command; see smcp --help",
    );
  }
  const { nearestOf } = await import("@smcp/config");
  const nearest = nearestOf(name, [...commands.keys(), ...LATER]);
  const meant = nearest === undefined ? "" : `did you mean "${nearest}"? `;
  return usageError(`the command "${name}" is not known`, `${meant}see smcp --help`);
}

function print({ stdout }: Context, text: string): number {
  stdout.write(text);
  return 0;
}

function helpText(): string {
  const width = Math.max(...[...commands.keys()].map((one) => one.length)) + 2;
  const rows = [...commands].map(([name, { description }]) => `  smcp ${name.padEnd(width)}${description}`);
  return [
    "smcp: sign-in, policy and record for MCP",
    "",
    "Usage: smcp <command> [flags]",
    "",
    ...rows,
    "",
    `Not built yet: ${LATER.join(", ")}`,
    "",
    "smcp <command> --help tells a command's flags, smcp --version the version.",
    "",
  ].join("\n");
}
