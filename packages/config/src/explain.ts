/** What a key is, what it is set to and where that comes from: the view of a configuration that `smcp config explain` prints. */
import { Failure } from "@smcp/core";
import { describe, type Described, textOf } from "./describe.ts";
import { findField, type Found, knownKeys, shapesOf } from "./field.ts";
import { readFirst, serverPlaces } from "./find.ts";
import { leavesOf } from "./leaves.ts";
import { gather, type Gathered, type ServerSource } from "./load.ts";
import { listenHost } from "./listen.ts";
import { nearestOf } from "./nearest.ts";
import { originOf, variableOf } from "./overrides.ts";
import { formatPath, type Path } from "./problem.ts";
import { serverFile } from "./schema.ts";
import { unbuiltPart } from "./unbuilt.ts";
import { isRecord, valueAt } from "./untyped.ts";

/** One key. */
export interface Explained extends Described {
  /** `mcp.backends[0].id`. */
  readonly key: string;
  /** What it is set to, as text; left out where it is not set. Of a secret only that it is there. */
  readonly value?: string;
  /** `smcp.yaml:3`, `SMCP_PROXY_SERVER_PORT`, `--auth-mode`; `default` where it is not set. */
  readonly from: string;
  /** The variable that overrides it, where there is one. */
  readonly variable?: string;
  /** Set where this version does not do it yet: not at all, or only with one value. */
  readonly unbuilt?: "whole" | "part";
}

/** What a path leads to: a key alone, or a section with every key below it. */
export interface Explanation {
  readonly self?: Explained;
  readonly below: readonly Explained[];
}

const SECRET = "[secret]";
/** Text that is a reference and nothing else shows no secret. */
const REFERENCE = /^\$\{[^{}]*\}$/;
const NO_FILE = "(no file)";

/**
 * Explains a key as it stands in the configuration that is found, or as it is without any.
 *
 * @param key the path: `server.port`, `mcp.backends[0].id`, `servers.docs`; left out: everything
 * @throws Failure with exit code 2 for a key that does not exist, and for a file that cannot be read
 */
export function explain(source: ServerSource, key?: string): Explanation {
  const { file, text } = find(source);
  const explaining = new Explaining(gather(text, { ...source, path: file }), file, source.flags?.authMode);
  return explaining.explain(key === undefined ? [] : readPath(key));
}

function find({ path, env, cwd }: ServerSource): { readonly file: string; readonly text: string } {
  if (path !== undefined) return readFirst([path], cwd);
  return readFirst([...serverPlaces(env)], cwd, { file: NO_FILE, text: "{}" });
}

class Explaining {
  readonly #gathered: Gathered;
  readonly #file: string;
  readonly #authMode: string | undefined;

  constructor(gathered: Gathered, file: string, authMode: string | undefined) {
    this.#gathered = gathered;
    this.#file = file;
    this.#authMode = authMode;
  }

  explain(path: Path): Explanation {
    const found = findField(serverFile, path);
    if (!found) throw unknownKey(path);
    const leaves = leavesOf(serverFile, this.#gathered.values.root, path);
    const only = leaves.length === 1 ? leaves[0] : undefined;
    if (only && only.path.length === path.length)
      return { self: this.#key(path, only.found, only.holds !== "none"), below: [] };
    const below = leaves.map((one) => this.#key(one.path, one.found, one.holds !== "none"));
    return path.length === 0 ? { below } : { self: this.#key(path, found, false), below };
  }

  #key(path: Path, found: Found, isOverridable: boolean): Explained {
    const { value, from } = this.#present(path, found);
    const unbuilt = unbuiltPart(path);
    return {
      key: formatPath(path),
      ...describe(found),
      ...(value !== undefined && { value }),
      from,
      ...(isOverridable && { variable: variableOf(path) }),
      ...(unbuilt !== undefined && { unbuilt }),
    };
  }

  #present(path: Path, { meta }: Found): { readonly value?: string; readonly from: string } {
    const { tree, values } = this.#gathered;
    if (this.#authMode !== undefined && formatPath(path) === "auth.mode") {
      return { value: this.#authMode, from: "--auth-mode" };
    }
    const value = valueAt(values.root, path);
    if (value === undefined) return this.#fromListen(path) ?? { from: "default" };
    const from = originOf(path, values.variables) ?? `${this.#file}:${tree.places.of(path).line}`;
    // A section is what its keys are; where only variables have it, it stands nowhere.
    if (isRecord(value) && Object.keys(value).length > 0) return { from: tree.places.has(path) ? from : "default" };
    if (meta.secret === true) return { value: this.#secret(path), from };
    return { value: withoutQuery(textOf(this.#written(path, value), {})), from };
  }

  /** `listen` says host and port in one. */
  #fromListen(path: Path): { readonly value: string; readonly from: string } | undefined {
    const listen = valueAt(this.#gathered.values.root, ["listen"]);
    const key = formatPath(path);
    if (typeof listen !== "string" || (key !== "server.host" && key !== "server.port")) return undefined;
    const host = listenHost(listen);
    if (key === "server.host" && host === "") return undefined;
    const { line } = this.#gathered.tree.places.of(["listen"]);
    const from = originOf(["listen"], this.#gathered.values.variables) ?? `${this.#file}:${line}`;
    return { value: key === "server.host" ? host : listen.slice(listen.lastIndexOf(":") + 1), from };
  }

  #secret(path: Path): string {
    const { variables, written } = this.#gathered.values;
    const text = written.get(JSON.stringify(path));
    return text !== undefined && REFERENCE.test(text) && originOf(path, variables) === undefined ? text : SECRET;
  }

  /** The value with references as they are written: what they stand for may be a secret. */
  #written(path: Path, value: unknown): unknown {
    if (Array.isArray(value)) return value.map((one, i) => this.#written([...path, i], one));
    if (isRecord(value)) return "{…}";
    const { variables, written } = this.#gathered.values;
    return originOf(path, variables) === undefined ? (written.get(JSON.stringify(path)) ?? value) : value;
  }
}

/** Keys of services often stand in the query of their URL. */
function withoutQuery(text: string): string {
  return text.replace(/^("?https?:\/\/[^?]*)\?.*?("?)$/, "$1?[not shown]$2");
}

const PART = /\.?([^.[\]]+)|\[(\d{0,6})\]|\[("(?:[^"\\]|\\.)*")\]/y;

function readPath(key: string): Path {
  const path: (string | number)[] = [];
  PART.lastIndex = 0;
  while (PART.lastIndex < key.length) {
    const found = PART.exec(key);
    if (!found)
      throw new Failure(`"${key}" is not the name of a key`, "write it as server.port or mcp.backends[0].id", 2);
    const [, name, index, quoted] = found;
    if (index !== undefined) path.push(Number(index));
    else if (quoted !== undefined) path.push(JSON.parse(quoted) as string);
    else if (name !== undefined) path.push(isIndex(path, name) ? Number(name) : name);
  }
  return path;
}

function isIndex(path: Path, name: string): boolean {
  const around = findField(serverFile, path);
  return /^\d{1,6}$/.test(name) && around !== undefined && shapesOf(around).includes("list");
}

function unknownKey(path: Path): Failure {
  let length = path.length - 1;
  while (length > 0 && !findField(serverFile, path.slice(0, length))) length--;
  const around = path.slice(0, length);
  const known = knownKeys(findField(serverFile, around));
  const nearest = nearestOf(String(path[length]), known);
  const meant =
    nearest === undefined ? `one of ${known.join(", ")}` : `did you mean "${formatPath([...around, nearest])}"?`;
  const hint = known.length === 0 ? `"${formatPath(around)}" has no keys below it` : meant;
  return new Failure(`the key "${formatPath(path.slice(0, length + 1))}" is not known`, hint, 2);
}
