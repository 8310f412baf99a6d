/** Texts that are JSON, nearly JSON, or JSON that two readers take for two things. */
import * as fc from "fast-check";

/** Names that mean something to the protocol, names that nearly do, and others. */
const NAMES = [
  "jsonrpc",
  "id",
  "method",
  "params",
  "result",
  "error",
  "name",
  "uri",
  "arguments",
  "_meta",
  "progressToken",
  "taskId",
  "requestId",
  "requestState",
  "io.modelcontextprotocol/protocolVersion",
  "traceparent",
  "tracestate",
  "baggage",
  "cursor",
  "protocolVersion",
  "inputResponses",
  "ref",
  "task",
  "io.modelcontextprotocol/clientCapabilities",
  "io.modelcontextprotocol/clientInfo",
  "io.modelcontextprotocol/logLevel",
  "io.modelcontextprotocol/subscriptionId",
  "io.modelcontextprotocol/related-task",
  "Method",
  "METHOD",
  "PARAMS",
  "param\u017f",
  "ta\u017f\u212aId",
  "tas\u212aid",
  "Name",
  "NAME",
  "\u0131d",
  "\u0130d",
  "ID",
  "Id",
  "progre\u00dfToken",
  "reque\ufb06Id",
  "requestid",
  "na\u0000me",
  "name\u0000",
  "method\u0000x",
  "_META",
  "__proto__",
  "constructor",
  "toString",
  "",
  "a",
  "b",
  "name ",
  " name",
  "n\u00e4me",
  "nam\u0435",
  "\ufeffid",
  "\ud800",
  "a\udc00",
  "io.modelcontextprotocol/ProtocolVersion",
  "length",
  "0",
  "1",
];
const NUMBERS = [
  "0",
  "-0",
  "1",
  "-1",
  "12345678901234567890",
  "1.0",
  "1e400",
  "1E+2",
  "0.10",
  "9007199254740993",
  "2e-7",
];
const NO_NUMBERS = ["01", "+1", "1.", ".5", "1e", "-", "0x1", "1_0", "NaN", "Infinity", "-Infinity", "\u0661"];
const SPACES = ["", "", "", "", " ", "\n", "\t\r\n ", "\r"];
const NO_SPACES = ["\u00a0", "\ufeff", "\u000b", "\u2028", "/**/", "\0"];

/** A character of a string: as it is, or in one of the ways that JSON has for it. */
function spelled(one: string, how: number): string {
  const code = one.codePointAt(0) ?? 0;
  if (code > 0xff_ff && how < 3) return one;
  if (how === 1 || code < 0x20 || (code >= 0xd8_00 && code <= 0xdf_ff)) return escaped(one, false);
  if (how === 2) return escaped(one, true);
  if (how === 3) return escaped(one, false);
  return one === '"' || one === "\\" ? `\\${one}` : one;
}

function escaped(text: string, upper: boolean): string {
  let out = "";
  for (let i = 0; i < text.length; i++) {
    const digits = text.charCodeAt(i).toString(16).padStart(4, "0");
    out += `\\u${upper ? digits.toUpperCase() : digits}`;
  }
  return out;
}

const string = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(...NAMES, "2.0", "tools/call", "notifications/progress"),
      fc.string({ maxLength: 6, unit: "grapheme" }),
    ),
    fc.infiniteStream(fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 2, 3)),
  )
  .map(([text, how]) => `"${Array.from(text, (one) => spelled(one, how.next().value ?? 0)).join("")}"`);
/** A name of the protocol, or of its neighbours, some of its letters in the other case. */
const anyName = fc
  .tuple(fc.constantFrom(...NAMES), fc.oneof(fc.constant(0), fc.constant(0), fc.nat()))
  .map(([text, flips]) => Array.from(text, (one, i) => ((flips >> (i % 31)) & 1 ? one.toUpperCase() : one)).join(""));
const name = fc
  .tuple(anyName, fc.infiniteStream(fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 1)))
  .map(([text, how]) => `"${Array.from(text, (one) => spelled(one, how.next().value ?? 0)).join("")}"`);
const space = fc.constantFrom(...SPACES);

const { value } = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(...NUMBERS, "true", "false", "null", '"2.0"'),
    string,
    tie("array"),
    tie("object"),
    tie("object"),
  ),
  array: fc
    .array(
      fc.tuple(space, tie("value"), space).map((parts) => parts.join("")),
      { maxLength: 4 },
    )
    .map((items) => `[${items.join(",")}]`),
  object: fc
    .array(
      fc.tuple(space, name, space, space, tie("value")).map(([a, key, b, c, held]) => `${a}${key}${b}:${c}${held}`),
      { maxLength: 6 },
    )
    .map((members) => `{${members.join(",")}}`),
}));

/** Messages as callers write them: where a change of one character hurts most. */
const MESSAGES: readonly string[] = [
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":[1,2.5e3,"\\u00e9"]},"_meta":{"progressToken":"t"}}}',
  '{"jsonrpc":"2.0","id":"\\u0061","method":"resources/read","params":{"uri":"file:///a b"}}',
  '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":0.5}}',
  '{"jsonrpc":"2.0","id":12345678901234567890,"result":{"a":{}}}',
  '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"x"}}',
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}',
];

/** An envelope of members that matter, in any order, some of them twice. */
const envelope = fc
  .tuple(
    fc.shuffledSubarray(
      [
        '"jsonrpc":"2.0"',
        '"id":1',
        '"id":"a"',
        '"method":"tools/call"',
        '"method":"ping"',
        '"result":{}',
        '"error":{}',
        '"error":null',
        '"params":{"name":"x"}',
        '"params":[]',
        '"params":{"_meta":{"progressToken":1}}',
      ],
      { minLength: 1, maxLength: 6 },
    ),
    fc.array(
      fc.tuple(name, value).map(([key, held]) => `${key}:${held}`),
      { maxLength: 2 },
    ),
    space,
  )
  .map(([members, others, gap]) => `{${gap}${[...members, ...others].join(`${gap},`)}${gap}}`);

/** Members at the three levels where names mean something, and one below. */
const named = fc
  .tuple(
    fc.constantFrom(
      ["{", "}"],
      ['{"params":{', "}}"],
      ['{"params":{"_meta":{', "}}}"],
      ['{"params":{"arguments":{', "}}}"],
    ),
    fc.array(
      fc.tuple(name, fc.constantFrom("1", '"a"', "{}", "[]")).map(([key, held]) => `${key}:${held}`),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
  )
  .map(([[open, close], members]) => `${open}${members.join(",")}${close}`);

const piece = fc.constantFrom(
  ...'{}[]",:\\ntfu0123456789eE+-. '.split(""),
  "true",
  "false",
  "null",
  '"a"',
  '"id"',
  "\\u0061",
  "\\ud800",
  "\\x",
  "\u0001",
  "\u001f",
  "\u007f",
  ...NO_NUMBERS,
  ...NO_SPACES,
  ...NUMBERS,
);
const soup = fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join(""));

const nested = fc
  .tuple(fc.integer({ min: 60, max: 68 }), fc.constantFrom("[", '{"a":', '{"params":', '[{"params":'), value)
  .map(([depth, open, inner]) => {
    const closers = open
      .split("")
      .filter((one) => one === "[" || one === "{")
      .map((one) => (one === "[" ? "]" : "}"));
    return open.repeat(depth) + inner + closers.toReversed().join("").repeat(depth);
  });

/** One place of a text cut out, doubled, or put elsewhere. */
const mutated = fc
  .tuple(
    fc.oneof(fc.constantFrom(...MESSAGES), value),
    fc.array(fc.tuple(fc.nat(), fc.nat(8), fc.oneof(piece, fc.constantFrom("", "")), fc.boolean()), { maxLength: 4 }),
  )
  .map(([text, changes]) => {
    let now = text;
    for (const [where, length, put, doubles] of changes) {
      const at = now.length === 0 ? 0 : where % now.length;
      const cut = now.slice(at, at + length);
      now = now.slice(0, at) + put + (doubles ? cut + cut : "") + now.slice(at + length);
    }
    return now;
  });

/** A text. */
export const jsonText: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: fc.tuple(space, value, space).map((parts) => parts.join("")), weight: 4 },
  { arbitrary: envelope, weight: 3 },
  { arbitrary: named, weight: 3 },
  { arbitrary: mutated, weight: 4 },
  { arbitrary: soup, weight: 2 },
  { arbitrary: nested, weight: 1 },
);
