/**
 * Rewrites every spelling of a flag that Go programs take to `--name=value`, before yargs sees it: yargs guesses where
 * this refuses. Knows the table of flags, nothing about what they do.
 */
import { type Flag, nearestOf } from "@smcp/config";
import { usageError } from "./usage-error.ts";

const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["0", "f", "F", "false", "FALSE", "False"]);
/** Flags of every command, without a value. */
const COMMON = new Set(["help", "version"]);

/**
 * Rewrites the arguments after the command.
 *
 * @param command for the hints: `smcp client`
 * @param words takes the arguments that are no flags; left out, there may be none
 * @throws Failure with exit code 2 for an unknown flag, a missing value or an argument that is no flag
 */
export function spell(
  args: readonly string[],
  flags: readonly Flag[],
  command: string,
  words?: { push(word: string): unknown },
): string[] {
  const names = new Map(flags.map((flag) => [flag.name, flag]));
  const found = new Map<string, string>();
  const rest = [...args];
  for (let one = rest.shift(); one !== undefined; one = rest.shift()) {
    if (words && !one.startsWith("-")) {
      words.push(one);
      continue;
    }
    if (!one.startsWith("-") || one === "-" || one === "--") throw unexpected(one, command);
    const { flag, name, value } = split(one, flags, names, command);
    if (!flag) found.set(name, "true");
    else if (flag.kind === "switch") found.set(name, switchValue(flag, value, one));
    else {
      const taken = value ?? takeNext(one, rest);
      const before = flag.kind === "list" ? found.get(name) : undefined;
      // As Go does: the last one counts. Lists grow.
      found.set(name, before === undefined ? taken : `${before},${taken}`);
    }
  }
  return [...found].map(([name, value]) => (COMMON.has(name) && !names.has(name) ? `--${name}` : `--${name}=${value}`));
}

interface Spelt {
  /** Absent for `--help` and `--version`. */
  readonly flag?: Flag;
  readonly name: string;
  readonly value: string | undefined;
}

function split(arg: string, flags: readonly Flag[], names: ReadonlyMap<string, Flag>, command: string): Spelt {
  const isLong = arg.startsWith("--");
  const text = arg.slice(isLong ? 2 : 1);
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  const value = equals < 0 ? undefined : text.slice(equals + 1);
  const flag = names.get(name);
  if (flag) return { flag, name, value };
  if (arg === "-h" || (value === undefined && COMMON.has(name))) return { name: arg === "-h" ? "help" : name, value };
  const other = isLong ? negated(name, value, names) : shortened(text, flags);
  if (other) return other;
  throw unknown(isLong ? name : arg, [...names.keys(), ...COMMON], command);
}

/** `--no-open` is `--open=false`. */
function negated(name: string, value: string | undefined, names: ReadonlyMap<string, Flag>): Spelt | undefined {
  const flag = value === undefined && name.startsWith("no-") ? names.get(name.slice("no-".length)) : undefined;
  return flag?.kind === "switch" ? { flag, name: flag.name, value: "false" } : undefined;
}

function shortened(text: string, flags: readonly Flag[]): Spelt | undefined {
  const flag = flags.find((one) => one.alias !== undefined && one.alias === text[0]);
  return flag && { flag, name: flag.name, value: shortValue(text) };
}

/** What stands behind a one-letter flag: `-l debug`, `-l=debug`, `-ldebug`. */
function shortValue(text: string): string | undefined {
  if (text.length === 1) return undefined;
  return text[1] === "=" ? text.slice(2) : text.slice(1);
}

function switchValue(flag: Flag, value: string | undefined, arg: string): string {
  if (value === undefined || TRUE.has(value)) return "true";
  if (FALSE.has(value)) return "false";
  const hint = `write --${flag.name} or --${flag.name}=false`;
  throw usageError(`the flag "${arg}" takes true or false`, hint);
}

function takeNext(arg: string, rest: string[]): string {
  const next = rest.shift();
  // "-" alone is a value; anything longer that begins so is more likely the next flag.
  if (next !== undefined && (next === "-" || !next.startsWith("-"))) return next;
  const name = arg.startsWith("--") ? arg : arg.slice(0, 2);
  throw usageError(
    `the flag "${arg}" needs a value`,
    `write ${name}=VALUE; a value that begins with "-" needs this form`,
  );
}

function unexpected(arg: string, command: string): Error {
  return usageError(
    `the argument "${arg}" is not a flag`,
    `see ${command} --help; a switch takes its value as --name=false`,
  );
}

function unknown(name: string, known: readonly string[], command: string): Error {
  const plain = name.replace(/^-+/, "").replace(/=.*$/s, "");
  const shown = name.startsWith("-") ? `-${plain}` : `--${plain}`;
  const nearest = nearestOf(plain, known);
  return usageError(
    `the flag "${shown}" is not known`,
    nearest === undefined ? `see ${command} --help` : `did you mean "--${nearest}"? see ${command} --help`,
  );
}
