import * as fc from "fast-check";
import { expect, it } from "vitest";

import { decodeHeader, encodeHeader } from "../../src/mcp/header-value.ts";

it.each([
  ["plain text", "plain text"],
  ["", "=?base64??="],
  [" x", "=?base64?IHg=?="],
  ["é", "=?base64?w6k=?="],
  ["a\nb", "=?base64?YQpi?="],
  ["=?base64?eA==?=", "=?base64?PT9iYXNlNjQ/ZUE9PT89?="],
  ["=?BASE64?eA==?=", "=?BASE64?eA==?="],
  ["=?base64?", "=?base64?"],
])("writes %j as %j, and reads it again", (text, value) => {
  expect(encodeHeader(text)).toBe(value);
  expect(decodeHeader(value)).toBe(text);
});

it.each([
  "=?base64?w6k?=",
  "=?base64?w6k==?=",
  "=?base64?/w==?=",
  "=?base64?w6 k=?=",
  "=?base64?_w==?=",
  "=?base64?=?=",
])("reads nothing from the broken encoding %j", (value) => {
  expect(decodeHeader(value)).toBeUndefined();
});

it("writes any text so that it fits into a header and is read again", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const value = encodeHeader(text);
      expect(value).toMatch(/^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/);
      expect(decodeHeader(value)).toBe(text.toWellFormed());
    }),
  );
});
