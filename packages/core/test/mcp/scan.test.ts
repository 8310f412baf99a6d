import { describe, expect, it } from "vitest";

import { Ambiguous, NotJson, scan } from "../../src/mcp/scan.ts";

const verdict = (text: string): string => {
  try {
    scan(text);
    return "ok";
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
};

describe("a text that JSON.parse refuses is not JSON", () => {
  it.each([
    "",
    "{",
    "[1,]",
    '{"a":1,}',
    '{"a" 1}',
    "{a:1}",
    "01",
    "+1",
    "1.",
    ".5",
    "1e",
    "-",
    "nul",
    "truex",
    '"a',
    '"\\x"',
    '"\\u12g4"',
    '"a\nb"',
    "1 2",
    "'a'",
    "NaN",
    "\u00a01",
  ])("%j", (text) => {
    expect(() => scan(text)).toThrow(NotJson);
    expect(() => JSON.parse(text) as unknown).toThrow();
  });
});

describe("what two readers could read in two ways is refused", () => {
  it.each([
    ['{"a":1,"a":2}', 'Ambiguous: the member "a" stands twice in one object'],
    ['{"params":{"arguments":{"x":[{"b":1,"\\u0062":2}]}}}', 'Ambiguous: the member "b" stands twice in one object'],
    ['{"Method":"x"}', 'Ambiguous: the member "Method" is nearly "method"'],
    ['{"PARAMS":{}}', 'Ambiguous: the member "PARAMS" is nearly "params"'],
    ['{"param\u017f":{}}', 'Ambiguous: the member "param\u017f" is nearly "params"'],
    ['{"params":{"ta\u017f\u212aId":1}}', 'Ambiguous: the member "ta\u017f\u212aId" is nearly "taskId"'],
    ['{"params":{"Name":"x"}}', 'Ambiguous: the member "Name" is nearly "name"'],
    ['{"params":{"na\\u0000me":"x"}}', 'Ambiguous: the member "na\\u0000me" is nearly "name"'],
    ['{"params":{"name\\u0000x":"x"}}', 'Ambiguous: the member "name\\u0000x" is nearly "name"'],
    ['{"\u0131d":1}', 'Ambiguous: the member "\u0131d" is nearly "id"'],
    ['{"\u0130d":1}', 'Ambiguous: the member "\u0130d" is nearly "id"'],
    ['{"params":{"reque\ufb06Id":1}}', 'Ambiguous: the member "reque\ufb06Id" is nearly "requestId"'],
    [
      '{"params":{"_meta":{"io.modelcontextprotocol/ProtocolVersion":"x"}}}',
      'Ambiguous: the member "io.modelcontextprotocol/ProtocolVersion" is nearly "io.modelcontextprotocol/protocolVersion"',
    ],
    ['{"a\\ud800":1}', "Ambiguous: a member name holds half of a surrogate pair"],
    ["[".repeat(65) + "]".repeat(65), "Ambiguous: nested deeper than 64"],
    ["[".repeat(1_000_000), "Ambiguous: nested deeper than 64"],
  ])("%.60j", (text, expected) => {
    expect(verdict(text)).toBe(expected);
  });

  it("counts members over the whole text", () => {
    const many = Array.from({ length: 100_001 }, (_, i) => `"${i}":0`).join(",");
    expect(verdict(`{${many}}`)).toBe("Ambiguous: more than 100000 members");
  });
});

it("lets user data spell its members as it likes", () => {
  const text = '{"params":{"arguments":{"Method":1,"PARAMS":2,"param\u017f":3,"ID":4},"_meta":{"Name":1}},"_META":1}';
  expect(verdict(text)).toBe("ok");
});

it("reports the spans of protocol members and of nothing below them", () => {
  const text = ' {"id" : 12345678901234567890 ,"params":{"name":"a\\"b","arguments":{"name":1}}} ';
  const seen: string[] = [];
  scan(text, { member: (level, name, start, end) => seen.push(`${level}.${name}=${text.slice(start, end)}`) });
  expect(seen).toEqual([
    "envelope.id=12345678901234567890",
    'params.name="a\\"b"',
    'params.arguments={"name":1}',
    'envelope.params={"name":"a\\"b","arguments":{"name":1}}',
  ]);
});

it("throws its own two errors only", () => {
  expect(() => scan("{")).toThrow(NotJson);
  expect(() => scan('{"a":1,"a":1}')).toThrow(Ambiguous);
});
