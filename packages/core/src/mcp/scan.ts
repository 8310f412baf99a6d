/**
 * The strict scanner: one pass over a JSON text that accepts what `JSON.parse` accepts, minus everything that two
 * readers could read in two ways: repeated members, case twins of protocol members, extreme depth and size. It builds no
 * value. It reports the spans of the members that a gateway decides on; the text itself goes on unchanged.
 */

/** A text that is not JSON at all. */
export class NotJson extends Error {
  override readonly name = "NotJson";
}

/** A text that is JSON, but not the same JSON to every reader. */
export class Ambiguous extends Error {
  override readonly name = "Ambiguous";
}

/** Is told of each member of an envelope, its `params` and its `_meta`. */
export interface MemberSink {
  /** A member, and where its value stands in the text, end exclusive. */
  member(level: LevelName, name: string, start: number, end: number): void;
}

/** The objects whose members mean something to the protocol. */
export type LevelName = "envelope" | "params" | "meta";

const MAX_DEPTH = 64;
const MAX_MEMBERS = 100_000;

/** What the members of one object mean. */
interface Level {
  /** `undefined`: somebody's data, nothing to the protocol. */
  readonly name: LevelName | undefined;
  /** Every member that the protocol itself reads, as the protocol spells it; by length, which spares hashing each name. */
  readonly members: readonly (readonly string[] | undefined)[];
  /** Each one by its folded form. */
  readonly folded: ReadonlyMap<string, string>;
  /** The member whose value is again read by the protocol. */
  readonly inner: string | undefined;
  readonly innerLevel: Level | undefined;
}

function level(name: LevelName, members: readonly string[], inner?: string, innerLevel?: Level): Level {
  const byLength: string[][] = [];
  for (const one of members) (byLength[one.length] ??= []).push(one);
  const folded = new Map(members.map((one) => [one.toLowerCase(), one]));
  return { name, members: byLength, folded, inner, innerLevel };
}

const MCP = "io.modelcontextprotocol/";

const DATA: Level = { name: undefined, members: [], folded: new Map(), inner: undefined, innerLevel: undefined };
const META = level("meta", [
  "progressToken",
  "traceparent",
  "tracestate",
  "baggage",
  `${MCP}protocolVersion`,
  `${MCP}clientCapabilities`,
  `${MCP}clientInfo`,
  `${MCP}logLevel`,
  `${MCP}subscriptionId`,
  `${MCP}related-task`,
]);
const PARAMS = level(
  "params",
  [
    "name",
    "uri",
    "arguments",
    "_meta",
    "taskId",
    "cursor",
    "requestId",
    "progressToken",
    "protocolVersion",
    "requestState",
    "inputResponses",
    "ref",
    "task",
  ],
  "_meta",
  META,
);
const ENVELOPE = level("envelope", ["jsonrpc", "id", "method", "params", "result", "error"], "params", PARAMS);

/**
 * Scans a whole text.
 *
 * @returns where its one value begins
 * @throws {NotJson | Ambiguous} with the rule that the text breaks
 */
export function scan(text: string, sink?: MemberSink): number {
  return new Scanner(text, sink).document();
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const ESCAPE = /["\\/bfnrt]|u[0-9A-Fa-f]{4}/y;

class Scanner {
  readonly #text: string;
  readonly #sink: MemberSink | undefined;
  #at = 0;
  #depth = 0;
  #members = 0;
  /** Whether the string read last holds an escape. */
  #escaped = false;

  constructor(text: string, sink: MemberSink | undefined) {
    this.#text = text;
    this.#sink = sink;
  }

  document(): number {
    this.#space();
    const start = this.#at;
    this.#value(ENVELOPE);
    this.#space();
    if (this.#at < this.#text.length) throw new NotJson(`unexpected text at offset ${this.#at}`);
    return start;
  }

  #value(level: Level): void {
    const code = this.#text.charCodeAt(this.#at);
    if (code === QUOTE) this.#string();
    else if (code === OPEN_OBJECT) this.#object(level);
    else if (code === OPEN_ARRAY) this.#array();
    else if (code === 0x74) this.#word("true");
    else if (code === 0x66) this.#word("false");
    else if (code === 0x6e) this.#word("null");
    else this.#number();
  }

  #object(level: Level): void {
    const isData = level.name === undefined;
    const names = new Names();
    this.#enter();
    if (this.#take(CLOSE_OBJECT)) return this.#leave();
    do {
      this.#space();
      const name = this.#name();
      if (++this.#members > MAX_MEMBERS) throw new Ambiguous(`more than ${MAX_MEMBERS} members`);
      if (!names.add(name)) throw new Ambiguous(`the member ${quoted(name)} stands twice in one object`);
      if (!isData) refuseTwin(level, name);
      this.#space();
      if (!this.#take(COLON)) throw new NotJson(`expected ":" at offset ${this.#at}`);
      this.#space();
      const start = this.#at;
      this.#value(name === level.inner && level.innerLevel ? level.innerLevel : DATA);
      if (!isData) this.#sink?.member(level.name, name, start, this.#at);
      this.#space();
    } while (this.#take(COMMA));
    if (!this.#take(CLOSE_OBJECT)) throw new NotJson(`expected "," or "}" at offset ${this.#at}`);
    this.#leave();
  }

  #array(): void {
    this.#enter();
    if (this.#take(CLOSE_ARRAY)) return this.#leave();
    do {
      this.#space();
      this.#value(DATA);
      this.#space();
    } while (this.#take(COMMA));
    if (!this.#take(CLOSE_ARRAY)) throw new NotJson(`expected "," or "]" at offset ${this.#at}`);
    this.#leave();
  }

  #enter(): void {
    this.#at++;
    if (++this.#depth > MAX_DEPTH) throw new Ambiguous(`nested deeper than ${MAX_DEPTH}`);
    this.#space();
  }

  #leave(): void {
    this.#depth--;
  }

  #name(): string {
    if (this.#text.charCodeAt(this.#at) !== QUOTE) throw new NotJson(`expected a member name at offset ${this.#at}`);
    const start = this.#at;
    this.#string();
    if (!this.#escaped) return this.#text.slice(start + 1, this.#at - 1);
    const name = JSON.parse(this.#text.slice(start, this.#at)) as string;
    if (!name.isWellFormed()) throw new Ambiguous("a member name holds half of a surrogate pair");
    return name;
  }

  #string(): void {
    const text = this.#text;
    const { length } = text;
    let at = this.#at + 1;
    this.#escaped = false;
    for (;;) {
      if (at >= length) throw new NotJson("a string does not end");
      const code = text.charCodeAt(at);
      if (code === QUOTE) break;
      if (code === BACKSLASH) {
        this.#escaped = true;
        ESCAPE.lastIndex = at + 1;
        if (!ESCAPE.test(text)) throw new NotJson(`a wrong escape at offset ${at}`);
        at = ESCAPE.lastIndex;
      } else if (code < 0x20) {
        throw new NotJson(`a control character in a string at offset ${at}`);
      } else {
        at++;
      }
    }
    this.#at = at + 1;
  }

  #number(): void {
    NUMBER.lastIndex = this.#at;
    if (!NUMBER.test(this.#text)) {
      const what = this.#at < this.#text.length ? `unexpected text at offset ${this.#at}` : "the text ends too early";
      throw new NotJson(what);
    }
    this.#at = NUMBER.lastIndex;
  }

  #word(word: string): void {
    if (!this.#text.startsWith(word, this.#at)) throw new NotJson(`unexpected text at offset ${this.#at}`);
    this.#at += word.length;
  }

  #take(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }
}

/** The member names of one object: a short list is searched, a long one hashed. */
class Names {
  readonly #list: string[] = [];
  #set: Set<string> | undefined;

  /** False when the name is there already. */
  add(name: string): boolean {
    if (this.#set) {
      if (this.#set.has(name)) return false;
      this.#set.add(name);
      return true;
    }
    if (this.#list.includes(name)) return false;
    this.#list.push(name);
    if (this.#list.length > 12) this.#set = new Set(this.#list);
    return true;
  }
}

/**
 * Refuses `Method` beside what the protocol calls `method`: some readers fold case, by one of several tables, and some end a
 * text at its first NUL, or leave NUL out.
 */
function refuseTwin({ members, folded }: Level, name: string): void {
  for (const one of members[name.length] ?? NONE) if (one === name) return;
  const nul = name.indexOf("\0");
  const meant = folded.get(fold(name)) ?? (nul < 0 ? undefined : folded.get(fold(name.slice(0, nul))));
  if (meant !== undefined) throw new Ambiguous(`the member ${quoted(name)} is nearly ${quoted(meant)}`);
}

/** Up and down again: a long s, a sharp s, a ligature and a dotless i are folded by the first step, a Kelvin sign by the second. */
function fold(name: string): string {
  return name.replaceAll("\0", "").replaceAll("\u0130", "i").toUpperCase().toLowerCase();
}

const NONE: readonly string[] = [];

function quoted(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}
