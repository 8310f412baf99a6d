import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "@smcp/core";
import { type LogOptions, openLog, type OpenLog } from "../src/log.ts";

const folder = mkdtempSync(join(tmpdir(), "smcp-log-"));
const file = join(folder, "log");
afterAll(() => rmSync(folder, { recursive: true }));
let fd: number;
beforeEach(() => {
  fd = openSync(file, "w");
});
afterEach(() => {
  rmSync(file);
});

async function written(options: Partial<LogOptions>, write: (log: OpenLog) => void): Promise<string> {
  const log = await openLog({ level: "info", format: "json", colour: false, fd, ...options });
  write(log);
  await log.close();
  return readFileSync(file, "utf8");
}

test("json has one object a line, with the level's name", async () => {
  const text = await written({}, (log) => {
    log.info({ server: "docs" }, "one");
    log.debug({}, "not this one");
    log.error({}, "two\nlines");
  });
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toEqual([
    { level: "info", time: expect.any(String), server: "docs", msg: "one" },
    { level: "error", time: expect.any(String), msg: "two\nlines" },
  ]);
});

describe("text", () => {
  test("J22, L28: has one line for each message, whatever is in it", async () => {
    const text = await written({ format: "text" }, (log) => log.warn({ a: "x\ny" }, "one\n\u001B[31mtwo\u0007"));
    expect(text).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: one  \[31mtwo  \{"a":"x\\ny"\}\n$/);
  });
});

test("a secret prints as what it is, not as its text", async () => {
  for (const format of ["json", "text"] as const) {
    const text = await written({ format }, (log) => log.info({ key: new Secret("hunter2") }, "x"));
    expect(text).toContain("[secret]");
    expect(text).not.toContain("hunter2");
  }
});

test("an unknown level is warned about and info", async () => {
  const text = await written({ level: "loud" }, (log) => expect(log.isDebug).toBe(false));
  expect(text).toContain('the log level \\"loud\\" is not known: info is used');
});

test("a line after the end is dropped, not thrown", async () => {
  const log = await openLog({ level: "info", format: "json", colour: false, fd });
  await log.close();
  expect(() => log.error({}, "late")).not.toThrow();
  await log.close();
});
