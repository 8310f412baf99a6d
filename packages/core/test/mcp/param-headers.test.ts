import { describe, expect, it } from "vitest";

import { readHeaders, type HeaderMap } from "../../src/http/headers.ts";
import { judgeParamHeaders, paramHeadersOf } from "../../src/mcp/param-headers.ts";

const marked = (name: unknown, type: unknown = "string"): object => ({ type, "x-mcp-header": name });
const schema = (properties: object, more: object = {}): object => ({ type: "object", properties, ...more });

describe("what a schema wants in headers", () => {
  it("is found at any depth of its properties", () => {
    const found = paramHeadersOf(
      schema({ a: marked("A"), b: schema({ c: marked("B-C", "integer") }), d: marked("D", "boolean"), e: {} }),
    );
    expect(found).toEqual([
      { name: "A", path: ["a"], isNumber: false },
      { name: "B-C", path: ["b", "c"], isNumber: true },
      { name: "D", path: ["d"], isNumber: false },
    ]);
  });

  it.each<[string, unknown]>([
    ["no schema at all", undefined],
    ["a schema that is a truth", true],
    ["a name that is none", schema({ a: marked("A B") })],
    ["a name that is empty", schema({ a: marked("") })],
    ["a name that is no text", schema({ a: marked(1) })],
    ["two names that differ in case only", schema({ a: marked("A"), b: marked("a") })],
    ["an object", schema({ a: marked("A", "object") })],
    ["two types", schema({ a: marked("A", ["string", "null"]) })],
    ["an annotation at the root", { ...schema({}), "x-mcp-header": "A" }],
    ["one among the items of a list", schema({ a: { type: "array", items: marked("A") }, b: marked("B") })],
    ["one in a choice", schema({ b: marked("B") }, { anyOf: [schema({ a: marked("A") })] })],
    ["one in a definition", schema({ b: marked("B") }, { $defs: { a: marked("A") } })],
    ["one under a condition", schema({ b: marked("B") }, { if: schema({ a: marked("A") }) })],
  ])("is nothing with %s", (_, one) => {
    expect(paramHeadersOf(one)).toEqual([]);
  });

  it("is not looked for in data, nor for ever", () => {
    expect(paramHeadersOf(schema({ a: { default: marked("X"), enum: [marked("Y")] }, b: marked("B") }))).toHaveLength(
      1,
    );
    let deep: object = marked("A");
    for (let n = 0; n < 10_000; n++) deep = schema({ a: deep });
    expect(paramHeadersOf(deep)).toEqual([]);
  });
});

describe("a call whose tool wants headers", () => {
  const wanted = paramHeadersOf(
    schema({
      s: marked("Text"),
      n: marked("Number", "integer"),
      b: marked("Bool", "boolean"),
      o: schema({ s: marked("Deep") }),
    }),
  );
  it.each<[string, object | undefined, string[], string | undefined]>([
    ["has none of the arguments", {}, [], undefined],
    ["has no arguments", undefined, [], undefined],
    ["has a null", { s: null }, [], undefined],
    ["says the same", { s: "x" }, ["mcp-param-text", "x"], undefined],
    ["says the same in any case of the name", { s: "x" }, ["MCP-PARAM-TEXT", "x"], undefined],
    ["says the same, encoded", { s: "ä " }, ["Mcp-Param-Text", "=?base64?w6Qg?="], undefined],
    ["says something else", { s: "x" }, ["Mcp-Param-Text", "y"], "Mcp-Param-Text"],
    ["says the same in another case", { s: "x" }, ["Mcp-Param-Text", "X"], "Mcp-Param-Text"],
    ["leaves the header out", { s: "" }, [], "Mcp-Param-Text"],
    ["breaks the encoding", { s: "x" }, ["Mcp-Param-Text", "=?base64?e?="], "Mcp-Param-Text"],
    ["has half of the marks", { s: "=?base64?eA==" }, ["Mcp-Param-Text", "=?base64?eA=="], undefined],
    ["says a number otherwise", { n: 42 }, ["Mcp-Param-Number", "42.0"], undefined],
    ["says another number", { n: 42 }, ["Mcp-Param-Number", "4.2e1"], "Mcp-Param-Number"],
    ["has a number that not everybody reads alike", { n: 2 ** 53 }, [], undefined],
    ["says a truth", { b: false }, ["Mcp-Param-Bool", "false"], undefined],
    ["says an untruth", { b: false }, ["Mcp-Param-Bool", "0"], "Mcp-Param-Bool"],
    ["goes deeper", { o: { s: "x" } }, ["Mcp-Param-Deep", "x"], undefined],
    ["goes deeper and differs", { o: { s: "x" } }, [], "Mcp-Param-Deep"],
    ["has an object instead of a text", { s: {} }, [], undefined],
    ["only inherits it", { o: [] }, [], undefined],
  ])("%s", (_, args, raw, header) => {
    const refusal = judgeParamHeaders(wanted, args, readHeaders(raw) as HeaderMap);
    expect(refusal?.facts?.["header"]).toBe(header);
  });
});
