/** The line splitter beside `split`, at any chunk boundary; and a message put on one line beside the message itself. */
import * as fc from "fast-check";

import { LineSplitter, onOneLine } from "@smcp/core";

import { fuzzed, same } from "../fuzzed.ts";
import { asBytes, feed, streamOf, type Stream } from "./bytes.ts";

interface Lines extends Stream {
  readonly limit: number;
}

const piece = fc.oneof(
  { arbitrary: fc.constantFrom("\n", "\n", "\r\n", "\r", "\n\n", "\r\r\n"), weight: 3 },
  {
    arbitrary: fc.constantFrom(
      '{"a":1}',
      '{\n"a":\r\n[1,\r2]}',
      asBytes('{"é":"€😀"}'),
      "",
      " ",
      "\xff\xfe",
      "\0",
      "\x85",
      asBytes("\u2028"),
    ),
    weight: 3,
  },
  { arbitrary: fc.string({ maxLength: 12, unit: "binary-ascii" }), weight: 1 },
  { arbitrary: fc.nat(40).map((length) => "x".repeat(length)), weight: 1 },
);
const input: fc.Arbitrary<Lines> = fc
  .tuple(streamOf(piece), fc.oneof(fc.constantFrom(1_000), fc.nat(30)))
  .map(([{ bytes, cuts }, limit]) => ({ bytes, cuts, limit }));

export const lines = fuzzed("lines", input, (stream) => {
  const { bytes, limit } = stream;
  const ours: string[] = [];
  const splitter = new LineSplitter(limit, (line) => ours.push(Buffer.from(line).toString("latin1")));
  const said = feed(stream, (chunk) => splitter.push(chunk));
  const whole = bytes.split("\n");
  const rest = whole.pop() ?? "";
  const theirs = whole.filter((line) => line.length <= limit).map((line) => line.replace(/\r$/, ""));
  same(
    ours,
    theirs.filter((line) => line !== ""),
    "the lines",
  );
  same(said.every(Boolean), ![...whole, rest].some((line) => line.length > limit), "whether all were within the limit");
  const one = onOneLine(bytes);
  if (/[\r\n]/.test(one)) throw new Error("a message on one line has a line end");
  try {
    same(JSON.parse(one), JSON.parse(bytes), "the message on one line");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
});
