/**
 * From a file to settings: find, parse, fill references in, validate, normalise. All problems are told at once. The only
 * place of this package that knows the order.
 */
import { CLIENT_PREFIX, clientFlags } from "./client-flags.ts";
import { countCallers, hasCallers } from "./check-callers.ts";
import { checkRules } from "./check.ts";
import type { Finding } from "./finding.ts";
import { readTree, type Tree } from "./document.ts";
import { readFirst, serverPlaces } from "./find.ts";
import { normalise } from "./normalise.ts";
import { ConfigInvalid, formatPath, type Path, type Problem, quote } from "./problem.ts";
import { type Resolved, resolveReferences } from "./references.ts";
import { override, type Overridden, originOf, SERVER_VARIABLES, unknownOverrides } from "./overrides.ts";
import { type ServerFile, serverFile } from "./schema.ts";
import type { ServerSettings } from "./settings.ts";
import { type Environment, unknownVariables } from "./flags.ts";
import { findUnbuilt, type Unbuilt } from "./unbuilt.ts";
import { valueAt } from "./untyped.ts";
import { bareNumbers, validate } from "./validate.ts";

/** Where a server's configuration comes from. */
export interface ServerSource {
  /** The file; left out: the first of the usual places. */
  readonly path?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** What flags override. */
  readonly flags?: { readonly authMode?: "none" | "oidc" | undefined };
}

/** A configuration that is right. */
export interface LoadedServer {
  readonly settings: ServerSettings;
  /** What the file asks for and this version does not do: see {@link refuseUnbuilt}. */
  readonly unbuilt: readonly Unbuilt[];
  /** The file's name as it was given or found. */
  readonly file: string;
  /** The file's text as it was read. */
  readonly text: string;
  /** Names for the start-up print. */
  readonly callers: {
    readonly keys: readonly string[];
    readonly agents: readonly string[];
    readonly roles: readonly string[];
  };
}

/**
 * Loads the server's configuration.
 *
 * @throws ConfigInvalid with every problem of the file
 * @throws Failure with exit code 2 when there is no file to read
 */
export function loadServerSettings(source: ServerSource): LoadedServer {
  const { path, env, cwd } = source;
  const { file, text } = readFirst(path === undefined ? serverPlaces(env) : [path], cwd);
  return readServerSettings(text, { ...source, path: file });
}

/** Loads the server's configuration from text that was read already; `path` names it in messages. */
export function readServerSettings(text: string, source: NamedSource): LoadedServer {
  const { path: file, cwd, flags } = source;
  const gathered = gather(text, source);
  const { tree, values } = gathered;
  const { root } = values;
  const given = flags?.authMode ?? modeOf(root);
  const { value, problems } = judge(gathered, given);
  if (problems.length > 0 || value === undefined) throw new ConfigInvalid(file, problems);
  const isAsked = hasCallers(countCallers(root));
  const isFromFile = (path: Path): boolean => originOf(path, values.variables) === undefined;
  const bare = bareNumbers(serverFile, tree.root, (path) =>
    isFromFile(path) ? `${file}:${tree.places.of(path).line}` : undefined,
  );
  const settings = normalise(value, {
    cwd,
    mode: given ?? (isAsked ? "oidc" : "none"),
    isModeGiven: given !== undefined,
    hasCallers: isAsked,
    warnings: [...unknown(root, source.env), ...values.warnings, ...bare],
  });
  const unbuilt = findUnbuilt(root, tree.places, values.variables);
  return { settings, unbuilt, file, text, callers: names(value) };
}

/** A source whose file has a name. */
export type NamedSource = ServerSource & { readonly path: string };

/** A file as it stands, and its values with references and variables in place. */
export interface Gathered {
  readonly tree: Tree;
  readonly values: Overridden;
}

/**
 * Reads a file's text and fills in what comes from elsewhere; judges nothing.
 *
 * @throws ConfigInvalid for text that cannot be read at all
 */
export function gather(text: string, { path: file, env, cwd }: NamedSource): Gathered {
  const tree = readTree(text, file);
  if (tree.root === undefined) throw new ConfigInvalid(file, tree.problems);
  return { tree, values: override(serverFile, resolveReferences(tree.root, tree.places, { env, cwd }), env) };
}

/** Everything that is wrong with what was gathered, and the value when nothing is. */
function judge(
  { tree, values }: Gathered,
  mode: "none" | "oidc" | undefined,
): { readonly value?: ServerFile | undefined; readonly problems: readonly Problem[] } {
  const { value, problems } = validate(serverFile, tree, values);
  const all: Problem[] = [...tree.problems, ...values.problems];
  // A value that could not be read, or is wrong in itself, needs no second complaint about the same thing.
  const add = (more: readonly Problem[]): void => {
    const known = new Set(all.map((one) => formatPath(one.path)));
    for (const one of more) if (!known.has(formatPath(one.path))) all.push(one);
  };
  add(problems);
  add(checkRules(values.root, mode).map((one) => place(one, tree, values)));
  return { value, problems: all.map((one) => named(one, values)) };
}

function named(problem: Problem, { variables }: Overridden): Problem {
  const variable = originOf(problem.path, variables);
  return variable === undefined ? problem : { ...problem, variable };
}

function unknown(root: unknown, env: Environment): string[] {
  return [
    ...unknownOverrides(serverFile, root, env, SERVER_VARIABLES),
    ...unknownVariables(clientFlags, env, CLIENT_PREFIX),
  ];
}

function place(finding: Finding, tree: Tree, { written }: Resolved): Problem {
  const { line, column } = tree.places.of(finding.path);
  // What came out of a reference may be a secret in the wrong place.
  const text = written.get(JSON.stringify(finding.path));
  return { line, column, ...finding, ...(text !== undefined && { found: quote(text) }) };
}

function modeOf(root: unknown): "none" | "oidc" | undefined {
  const mode = valueAt(root, ["auth", "mode"]);
  return mode === "none" || mode === "oidc" ? mode : undefined;
}

function names({ api_keys: keys, agents, roles, policies }: ServerFile): LoadedServer["callers"] {
  const fromPolicies = (policies ?? []).flatMap((one) => one.roles);
  return {
    keys: keys.map((one) => one.name),
    agents: agents.map((one) => one.name),
    roles: [...new Set([...Object.keys(roles ?? {}), ...fromPolicies])],
  };
}

/** What a check of the server's file found. */
export interface Checked {
  readonly file: string;
  readonly problems: readonly Problem[];
  readonly unbuilt: readonly Unbuilt[];
  readonly warnings: readonly string[];
}

/**
 * Checks the server's configuration and tells everything there is to tell of it.
 *
 * @throws Failure with exit code 2 when there is no file to read
 */
export function checkServerFile(source: ServerSource): Checked {
  try {
    const { file, unbuilt, settings } = loadServerSettings(source);
    return { file, problems: [], unbuilt, warnings: settings.warnings };
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error;
    return { file: error.file, problems: error.problems, unbuilt: [], warnings: [] };
  }
}
