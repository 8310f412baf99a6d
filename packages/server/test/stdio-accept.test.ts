import { expect, test } from "vitest";

import { readAccept } from "../src/upstream/stdio/accept.ts";

test.each([
  [undefined, true, true],
  ["*/*", true, true],
  ["application/json, text/event-stream", true, true],
  ["text/event-stream,application/json", true, true],
  ["Application/JSON; charset=utf-8", true, false],
  ["application/*", true, false],
  ["text/*", false, true],
  ["text/event-stream", false, true],
  ["text/html, */*;q=0.1", true, true],
  ["application/json;q=0, text/event-stream", false, true],
  ["application/json; q=0.000", false, false],
  ["application/json;q=0.5", true, false],
  ["text/html", false, false],
  ["", false, false],
] as const)("Accept: %s means json %s, events %s", (value, json, events) => {
  expect(readAccept(value)).toEqual({ json, events });
});
