import { inspect } from "node:util";

import { expect, it } from "vitest";

import { formatBytes, parseBytes } from "../src/bytes.ts";
import { formatDuration, parseDuration } from "../src/duration.ts";
import { describeError } from "../src/log.ts";
import { Secret } from "../src/secret.ts";

it.each([
  ["1h30m", 5_400_000],
  ["1.5s", 1_500],
  ["500ms", 500],
  ["0", 0],
])("reads the duration %s", (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});

it.each(["", "5", "s", "1d", "-1s", "1 s", "1s2"])("refuses the duration %j", (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

it("writes durations and sizes as it reads them", () => {
  for (const one of [0, 500, 1_500, 30_000, 90_000, 3_600_000, 5_430_000])
    expect(parseDuration(formatDuration(one))).toBe(one);
  for (const one of [0, 1_000, 4_096, 4 << 20, 1 << 30]) expect(parseBytes(formatBytes(one))).toBe(one);
});

it.each([
  ["4MiB", 4 << 20],
  ["64 KiB", 65_536],
  ["1.5MB", 1_500_000],
  ["10", 10],
])("reads the size %s", (text, expected) => {
  expect(parseBytes(text)).toBe(expected);
});

it("prints, serialises and inspects a secret as [secret]", () => {
  const secret = new Secret("marker");
  expect(`${String(secret)} ${JSON.stringify({ secret })} ${inspect({ secret })}`).not.toContain("marker");
  expect(secret.reveal()).toBe("marker");
});

it("describes an error by its code and message, not by its properties", () => {
  const error = Object.assign(new Error("connect failed"), { code: "ECONNREFUSED", url: "http://x/?token=marker" });
  expect(describeError(error)).toBe("connect failed (ECONNREFUSED)");
});
