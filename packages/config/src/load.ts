/**
 * From a file to settings: find, parse, fill references in, validate, normalise. All problems are told at once. The only
 * place of this package that knows the order.
 */
import { countCallers, hasCallers } from "./check-callers.ts";
import { checkRules } from "./check.ts";
import type { Finding } from "./finding.ts";
import { readTree, type Tree } from "./document.ts";
import { readFirst, serverPlaces } from "./find.ts";
import { normalise } from "./normalise.ts";
import { ConfigInvalid, formatPath, type Path, type Problem, quote } from "./problem.ts";
import { type Resolved, resolveReferences } from "./references.ts";
import { type ServerFile, serverFile } from "./schema.ts";
import type { ServerSettings } from "./settings.ts";
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
export function readServerSettings(text: string, source: ServerSource & { readonly path: string }): LoadedServer {
  const { path: file, env, cwd, flags } = source;
  const tree = readTree(text, file);
  if (tree.root === undefined) throw new ConfigInvalid(file, tree.problems);
  const resolved = resolveReferences(tree.root, tree.places, { env, cwd });
  // Overrides by SMCP_PROXY_* go here: into `resolved.root`, marked in `resolved.written` like a reference.
  const { root } = resolved;
  const given = flags?.authMode ?? modeOf(root);
  const value = check(file, tree, resolved, given);
  const isAsked = hasCallers(countCallers(root));
  const bare = bareNumbers(serverFile, tree.root, (path: Path) => `${file}:${tree.places.of(path).line}`);
  const settings = normalise(value, {
    cwd,
    mode: given ?? (isAsked ? "oidc" : "none"),
    isModeGiven: given !== undefined,
    hasCallers: isAsked,
    warnings: bare,
  });
  return { settings, unbuilt: findUnbuilt(root, tree.places), file, text, callers: names(value) };
}

function check(file: string, tree: Tree, resolved: Resolved, mode: "none" | "oidc" | undefined): ServerFile {
  const { value, problems } = validate(serverFile, tree, resolved);
  const all: Problem[] = [...tree.problems, ...resolved.problems];
  // A value that could not be read, or is wrong in itself, needs no second complaint about the same thing.
  const add = (more: readonly Problem[]): void => {
    const known = new Set(all.map((one) => formatPath(one.path)));
    for (const one of more) if (!known.has(formatPath(one.path))) all.push(one);
  };
  add(problems);
  add(checkRules(resolved.root, mode).map((one) => place(one, tree, resolved)));
  if (all.length > 0 || value === undefined) throw new ConfigInvalid(file, all);
  return value;
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
