/**
 * What a command-line flag is, and where its value comes from: the command line, the environment, a file, the default.
 * One description serves the help, the variables, the file's keys and the checks.
 */
import { Failure } from "@smcp/core";
import { z } from "zod";
import { field, type FieldMeta } from "./field.ts";
import { nearestOf } from "./nearest.ts";
import { quote } from "./problem.ts";
import { duration, name, onOff, oneOf, size, whole } from "./scalars.ts";
import { describeValue } from "./validate.ts";

/** One flag. */
export interface Flag {
  /** As after `--`. */
  readonly name: string;
  readonly kind: "string" | "switch" | "duration" | "size" | "integer" | "list";
  /** One letter. */
  readonly alias?: string;
  readonly description: string;
  /** The default as one would write it. */
  readonly fallback?: string;
  /** The only values, where there are few. */
  readonly values?: readonly [string, ...string[]];
  readonly secret?: boolean;
  /** Further names of its variable, besides prefix and name. */
  readonly variables?: readonly string[];
  /** Known, but not built yet: wholly, or some of its values. */
  readonly unbuilt?: true | readonly string[];
}

/** The environment as it is handed in. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The values of flags, and where each came from. */
export interface FlagValues {
  /** Checked and converted: milliseconds, bytes, numbers, switches, lists, text. Defaults are in it. */
  readonly values: ReadonlyMap<string, unknown>;
  /** For what was given, not for defaults: `--port`, `SMCP_CLIENT_PORT` or a key of the file. */
  readonly origins: ReadonlyMap<string, string>;
}

/** Values as they were given, by the flag's name. */
export interface Given {
  /** From the command line: texts. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly env: Environment;
  /** What the names of variables begin with: `SMCP_CLIENT_`. */
  readonly prefix: string;
  /** From a file: checked values. */
  readonly file?: ReadonlyMap<string, unknown>;
}

/** The schema of a flag's value. */
export function schemaOf(flag: Flag): z.ZodType {
  const meta: FieldMeta = {
    description: flag.description,
    ...(flag.fallback !== undefined && { fallback: flag.fallback }),
    ...(flag.secret === true && { secret: true }),
  };
  return field(kindSchema(flag), meta);
}

function kindSchema({ kind, values, name: flagName }: Flag): z.ZodType {
  if (values) return oneOf(values);
  if (kind === "switch") return onOff();
  if (kind === "duration") return duration();
  if (kind === "size") return size();
  if (kind === "integer") return whole(0, flagName.endsWith("port") ? 65_535 : Number.MAX_SAFE_INTEGER);
  return kind === "list" ? z.array(name()) : name();
}

/**
 * Takes the value of every flag from where it stands first.
 *
 * @throws Failure with exit code 2 that names every malformed value and every flag that is not built yet
 */
export function resolveFlags(table: readonly Flag[], given: Given): FlagValues {
  const values = new Map<string, unknown>();
  const origins = new Map<string, string>();
  const wrong: string[] = [];
  const unbuilt: string[] = [];
  for (const flag of table) {
    const found = firstGiven(flag, given);
    if (!found) {
      const value = readFallback(flag);
      if (value !== undefined) values.set(flag.name, value);
      continue;
    }
    const { value, problem } = readValue(flag, found.value);
    if (problem !== undefined) wrong.push(`${found.origin}: ${problem}`);
    values.set(flag.name, value);
    origins.set(flag.name, found.origin);
    if (isUnbuilt(flag, value)) unbuilt.push(nameUnbuilt(flag, found));
  }
  if (wrong.length > 0) throw new Failure(wrong.join("\n"), "see --help for what each takes", 2);
  if (unbuilt.length > 0) throw notBuilt(unbuilt);
  return { values, origins };
}

/** The variables of a flag, the one that counts most first. */
export function variablesOf(flag: Flag, prefix: string): string[] {
  return [prefix + flag.name.replaceAll("-", "_").toUpperCase(), ...(flag.variables ?? [])];
}

// What Kubernetes sets in every container for each service around it.
const SERVICE_LINK = /_SERVICE_HOST$|_SERVICE_PORT(?:_\w+)?$|_PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)?$/;

/** True for the name of a variable that Kubernetes sets. */
export function isServiceLink(name: string): boolean {
  return SERVICE_LINK.test(name);
}

/** Sentences about variables that look like ours and are not. */
export function unknownVariables(table: readonly Flag[], env: Environment, prefix: string): string[] {
  const known = new Set([...table.flatMap((flag) => variablesOf(flag, prefix)), ...OTHERS]);
  const found: string[] = [];
  for (const one of Object.keys(env)) {
    if (!one.startsWith("SMCP_") || one.startsWith("SMCP_PROXY_") || known.has(one)) continue;
    if (isServiceLink(one)) continue;
    const nearest = nearestOf(one, known);
    found.push(
      `the variable ${quote(one)} is not known${nearest === undefined ? "" : ` (did you mean "${nearest}"?)`}`,
    );
  }
  return found;
}

// Of the project's own scripts.
const OTHERS = ["SMCP_TEST_REPORT", "SMCP_VERIFY_LOCKFILE"];

interface Found {
  readonly origin: string;
  readonly value: unknown;
}

function firstGiven(flag: Flag, { flags, env, prefix, file }: Given): Found | undefined {
  const typed = Object.hasOwn(flags, flag.name) ? flags[flag.name] : undefined;
  // A script passes on what it has: --oidc-audience="$AUDIENCE" with nothing in it is no audience.
  const isTyped = typed !== undefined && (typed !== "" || flag.kind !== "string");
  if (isTyped) return { origin: `--${flag.name}`, value: typed };
  for (const variable of variablesOf(flag, prefix)) {
    const value = Object.hasOwn(env, variable) ? env[variable] : undefined;
    if (isSet(variable, value)) return { origin: variable, value };
  }
  const key = fileKey(flag);
  return file?.has(key) === true ? { origin: key, value: file.get(key) } : undefined;
}

/** True for a variable that says something: Kubernetes sets NAME_PORT to tcp://… for a service of that name. */
export function isSet(variable: string, value: string | undefined): value is string {
  if (value === undefined || value === "") return false;
  return !(variable.endsWith("_PORT") && /^(?:tcp|udp|sctp):\/\//.test(value));
}

/** The key of a flag in a file. */
export function fileKey(flag: Flag): string {
  return flag.name.replaceAll("-", "_");
}

interface Read {
  readonly value?: unknown;
  readonly problem?: string;
}

function readValue(flag: Flag, given: unknown): Read {
  // A file's values were read and checked with the file.
  if (typeof given !== "string") return { value: given };
  const schema = schemaOf(flag);
  const parsed = schema.safeParse(fromText(flag, given));
  if (parsed.success) return { value: parsed.data };
  const found = describeValue(given, flag.secret === true);
  const nearest = flag.values && nearestOf(given, flag.values);
  const { expected = "a list with commas" } = schema.meta() as FieldMeta;
  return {
    problem: `expected ${expected}, found ${found}${nearest === undefined ? "" : ` (did you mean "${nearest}"?)`}`,
  };
}

const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["0", "f", "F", "false", "FALSE", "False"]);

/** What Go's programs take for a switch; `undefined` for anything else. */
export function switchOf(text: string): boolean | undefined {
  return TRUE.has(text) ? true : FALSE.has(text) ? false : undefined;
}

function fromText({ kind }: Flag, text: string): unknown {
  if (kind === "switch") return switchOf(text) ?? text;
  if (kind === "integer") return /^\d{1,15}$/.test(text) ? Number(text) : text;
  if (kind === "list") return text.split(/[,\s]+/).filter((one) => one !== "");
  // Seconds for a bare number, as in a file.
  return kind === "duration" && /^\d+$/.test(text) ? Number(text) : text;
}

function readFallback(flag: Flag): unknown {
  return flag.fallback === undefined ? undefined : schemaOf(flag).parse(fromText(flag, flag.fallback));
}

function isUnbuilt(flag: Flag, value: unknown): boolean {
  if (flag.unbuilt === undefined) return false;
  if (flag.unbuilt !== true) return typeof value === "string" && flag.unbuilt.includes(value);
  // Whoever writes out the default asks for nothing that is missing.
  return value !== false && JSON.stringify(value) !== JSON.stringify(readFallback(flag));
}

// Where only some values are missing, the value is one of a few words.
function nameUnbuilt(flag: Flag, { origin, value }: Found): string {
  return flag.unbuilt === true ? origin : `${origin}=${value as string}`;
}

function notBuilt(names: readonly string[]): Failure {
  const list = names.map((one) => `"${one}"`).join(", ");
  const verb = names.length === 1 ? "is" : "are";
  return new Failure(`${list} ${verb} not built yet in this version`, "leave it out; see --help for what is there", 2);
}
