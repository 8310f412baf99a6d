/**
 * The text of a configuration file as plain values, with the place of every key. Refuses whatever two readers could
 * take differently: duplicate keys, aliases in number, unknown tags, other versions of YAML, odd numbers. Knows YAML
 * and JSON, nothing about smcp's keys.
 */
import { defaultLoadersSync } from "cosmiconfig";
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
} from "yaml";
import { type Path, type Problem, quote } from "./problem.ts";
import { isRecord } from "./untyped.ts";

/** A place in a file; both numbers from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** The text of a file as values. Maps have no prototype; keys without a value are left out. */
export interface Tree {
  readonly root: unknown;
  readonly places: Places;
  /** Numbers whose text is not how the number is written back: fine as numbers, not as text. */
  readonly odd: readonly { readonly path: Path; readonly source: string }[];
  readonly problems: readonly Problem[];
}

/** Where each key and list item of a file stands. */
export class Places {
  readonly #known = new Map<string, Place>();

  set(path: Path, place: Place): void {
    this.#known.set(JSON.stringify(path), place);
  }

  has(path: Path): boolean {
    return this.#known.has(JSON.stringify(path));
  }

  /** The place of a path, or of the nearest thing around it that stands in the file. */
  of(path: Path): Place {
    for (let length = path.length; length > 0; length--) {
      const place = this.#known.get(JSON.stringify(path.slice(0, length)));
      if (place) return place;
    }
    return { line: 1, column: 1 };
  }
}

const MAX_ALIASES = 32;
const MAX_DEPTH = 32;
/** One slip often makes a parser stumble to the end of the file. */
const MAX_SYNTAX = 5;
const LEADING_ZERO = /^[-+]?0\d/;

/**
 * Reads YAML, or JSON where the file's name ends so. Never throws for bad text: the answer then has problems.
 *
 * @param file the file's name, which only tells the syntax; nothing is read
 */
export function readTree(text: string, file: string): Tree {
  const isJson = /\.json$/i.test(file);
  const lines = new LineCounter();
  // JSON allows tabs between its tokens; within its strings they are no JSON and the loader below says so.
  const yaml = isJson ? text.replaceAll("\t", " ") : text;
  let document: Document.Parsed;
  try {
    document = parseDocument(yaml, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, merge: false });
  } catch {
    // The parser is recursive: a hundred thousand brackets end its stack.
    return refused({ line: 1, column: 1 }, "fewer levels", "more than can be read");
  }
  const problems = syntaxProblems(document, lines);
  if (problems.length > 0) return { root: undefined, places: new Places(), odd: [], problems };
  const tree = new Reader(document, lines).read();
  if (tree.root === undefined || tree.problems.length > 0) return tree;
  return { ...tree, problems: loaderProblems(text, isJson) };
}

function refused(place: Place, expected: string, found: string): Tree {
  return { root: undefined, places: new Places(), odd: [], problems: [{ path: [], ...place, expected, found }] };
}

function syntaxProblems(document: Document.Parsed, lines: LineCounter): Problem[] {
  const at = (offset: number): Place => position(lines, offset);
  const problems: Problem[] = [];
  for (const one of [...document.errors, ...document.warnings].slice(0, MAX_SYNTAX)) {
    const expected = one.code === "TAG_RESOLVE_FAILED" ? "no tag, or one of YAML's own" : "well-formed YAML";
    problems.push({ path: [], ...at(one.pos[0]), expected, found: lowerFirst(one.message) });
  }
  const { yaml } = document.directives;
  if (yaml.explicit === true && yaml.version !== "1.2") {
    problems.push({ path: [], line: 1, column: 1, expected: "YAML 1.2", found: `YAML ${yaml.version}` });
  }
  let aliases = 0;
  visit(document, {
    Alias(_, node) {
      aliases += 1;
      if (aliases !== MAX_ALIASES + 1) return undefined;
      const place = at(node.range?.[0] ?? 0);
      problems.push({ path: [], ...place, expected: `at most ${MAX_ALIASES} aliases`, found: "more" });
      return visit.BREAK;
    },
  });
  return problems;
}

/** What the loaders of cosmiconfig say: a second, independent reader of the syntax. An explorer would run code. */
function loaderProblems(text: string, isJson: boolean): Problem[] {
  try {
    defaultLoadersSync[isJson ? ".json" : ".yaml"]("the file", text);
    return [];
  } catch (error) {
    const found = error as { readonly reason?: string; readonly mark?: { line: number; column: number } };
    const place = { line: (found.mark?.line ?? 0) + 1, column: (found.mark?.column ?? 0) + 1 };
    const words = isJson ? "text that is not" : (found.reason ?? "text that is not");
    return [{ path: [], ...place, expected: `well-formed ${isJson ? "JSON" : "YAML"}`, found: words }];
  }
}

function position(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Turns nodes into values, noting places and collecting problems on the way. */
class Reader {
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #places = new Places();
  readonly #odd: { path: Path; source: string }[] = [];
  readonly #problems: Problem[] = [];
  /** How many aliases the present node was reached through. */
  #through = 0;

  constructor(document: Document.Parsed, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  read(): Tree {
    const top = this.#document.contents;
    const root = top === null ? this.#problem([], top, "a map of keys", "nothing") : this.#value(top, []);
    return { root, places: this.#places, odd: this.#odd, problems: this.#problems };
  }

  #at(node: unknown): Place {
    const range = (node as { readonly range?: readonly number[] | null } | null)?.range;
    return position(this.#lines, range?.[0] ?? 0);
  }

  #problem(path: Path, node: unknown, expected: string, found: string): undefined {
    this.#problems.push({ path, ...this.#at(node), expected, found });
  }

  #value(node: Node, path: Path): unknown {
    if (path.length > MAX_DEPTH) return this.#problem(path, node, `at most ${MAX_DEPTH} levels`, "more");
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (!target) return this.#problem(path, node, "an alias of an anchor above it", quote(`*${node.source}`));
      if (this.#through > 0) return this.#problem(path, node, "no alias within an alias", quote(`*${node.source}`));
      this.#through += 1;
      const value = this.#value(target, path);
      this.#through -= 1;
      return value;
    }
    if (isMap(node)) return this.#map(node, path);
    if (isSeq(node)) {
      return node.items.map((item, i) => {
        this.#note([...path, i], item);
        return this.#value(item as Node, [...path, i]);
      });
    }
    return isScalar(node) ? this.#scalar(node, path) : null;
  }

  #note(path: Path, node: unknown): void {
    // What an alias repeats keeps the place of the alias: that is where a person looks.
    if (this.#through === 0) this.#places.set(path, this.#at(node));
  }

  #map(node: YAMLMap, path: Path): unknown {
    const map = Object.create(null) as Record<string, unknown>;
    const first = new Map<string, Place>();
    const merged: { key: Node; value: unknown }[] = [];
    for (const { key, value } of node.items) {
      const name = this.#key(key, path, first);
      if (name === undefined) continue;
      const isMerge = name === "<<" && (key as Scalar).type === "PLAIN";
      const here = isMerge ? path : [...path, name];
      if (!isMerge) this.#note(here, key);
      const read = value === null ? null : this.#value(value as Node, here);
      if (isMerge) merged.push({ key: key as Node, value: read });
      else if (read !== null && read !== undefined) map[name] = read;
    }
    for (const one of merged) this.#merge(map, one, path);
    return map;
  }

  /** The name of a key; `undefined`, with a problem, for one that is no name or was there already. */
  #key(key: unknown, path: Path, first: Map<string, Place>): string | undefined {
    if (!isScalar(key) || typeof key.value !== "string" || key.value === "__proto__") {
      const found = isScalar(key) ? quote(key.source ?? String(key.value)) : "a list, a map or an alias";
      return this.#problem(path, key, "keys that are names, in quotes where they look like something else", found);
    }
    const name = key.value;
    const before = first.get(name);
    if (before) return this.#problem([...path, name], key, `this key once (line ${before.line} has it)`, "it again");
    first.set(name, this.#at(key));
    return name;
  }

  /** `<<`, which Go's reader of YAML knows: the keys of other maps, where the map has none of that name itself. */
  #merge(map: Record<string, unknown>, { key, value }: { key: Node; value: unknown }, path: Path): void {
    for (const source of Array.isArray(value) ? value : [value]) {
      if (!isRecord(source)) {
        this.#problem([...path, "<<"], key, "an alias of a map, or a list of them", "something else");
        continue;
      }
      for (const [name, member] of Object.entries(source)) {
        if (Object.hasOwn(map, name)) continue;
        map[name] = member;
        this.#places.set([...path, name], this.#at(key));
      }
    }
  }

  #scalar(node: Scalar, path: Path): unknown {
    const { value } = node;
    if (typeof value === "bigint") return this.#problem(path, node, "a smaller number", "a very large one");
    if (typeof value !== "number") return value;
    const source = node.source ?? String(value);
    if (!Number.isFinite(value) || LEADING_ZERO.test(source)) {
      return this.#problem(path, node, "a plain number, or quotes around text", source);
    }
    if (source !== String(value)) this.#odd.push({ path, source });
    return value;
  }
}
