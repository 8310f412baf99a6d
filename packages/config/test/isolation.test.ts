import { expect, test } from "vitest";

import { load, problemsOf } from "./loading.ts";

const stdioOf = (keys: string): unknown[] =>
  load(`servers: { a: { command: x${keys} } }\n`).settings.backends.map((one) =>
    one.kind === "stdio" ? [one.era, one.isolation] : one,
  );

test.each([
  ["", ["auto", "principal"]],
  [", isolation: session", ["auto", "principal"]],
  [", isolation: shared", ["auto", "shared"]],
  [", era: legacy, isolation: session", ["legacy", "principal"]],
  [", era: modern, isolation: principal", ["modern", "principal"]],
  [", era: modern, isolation: shared", ["modern", "shared"]],
])("who shares a child is read: %s", (keys, expected) => {
  expect(stdioOf(keys)).toEqual([expected]);
});

test.each([
  [
    "{ command: x, era: modern, isolation: session }",
    'servers.a.isolation: expected principal or shared, as the modern era has no sessions, found "session"',
  ],
  [
    "{ command: x, era: legacy, isolation: shared }",
    'servers.a.isolation: expected session, as a child of the legacy era can serve one session only, found "shared"',
  ],
  [
    "{ url: 'http://a.internal/mcp', era: modern }",
    'servers.a.era: expected none, as there is a url: only children have it, found "modern"',
  ],
  [
    "{ url: 'http://a.internal/mcp', isolation: shared }",
    'servers.a.isolation: expected none, as there is a url: only children have it, found "shared"',
  ],
])("%s makes no sense and is refused", (backend, problem) => {
  expect(problemsOf(`servers: { a: ${backend} }\n`)).toEqual([`smcp.yaml:1: ${problem}`]);
});
