import { expect, it } from "vitest";

import { LineSplitter, onOneLine } from "../../src/mcp/lines.ts";

const split = (chunks: readonly Uint8Array[], limit = 1_000): { lines: string[]; whole: boolean } => {
  const lines: string[] = [];
  const splitter = new LineSplitter(limit, (line) => lines.push(Buffer.from(line).toString("utf8")));
  const whole = chunks.map((chunk) => splitter.push(chunk)).every(Boolean);
  return { lines, whole };
};

it("finds lines wherever the chunks end, without their ends and without the blank ones", () => {
  const text = Buffer.from('{"a":"é"}\r\n\n{"b":1}\n{"c":2}\n{"rest"');
  const bytes = [...text].map((byte) => Uint8Array.of(byte));
  for (const chunks of [[text], bytes]) {
    expect(split(chunks)).toEqual({ lines: ['{"a":"é"}', '{"b":1}', '{"c":2}'], whole: true });
  }
});

it("drops a line over the limit, says so, and goes on with the next", () => {
  const long = "x".repeat(50);
  expect(split([Buffer.from(`a\n${long}`), Buffer.from(`${long}\nb\n`)], 60)).toEqual({
    lines: ["a", "b"],
    whole: false,
  });
});

it("puts a message on one line without touching what a reader sees", () => {
  const text = '{\n  "a": "x\\ny",\r\n  "b": 1\n}';
  expect(onOneLine(text)).toBe('{   "a": "x\\ny",   "b": 1 }');
  expect(JSON.parse(onOneLine(text))).toEqual(JSON.parse(text));
});
