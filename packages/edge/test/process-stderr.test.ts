import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readStderr } from "../src/process-stderr.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});

afterEach(() => {
  vi.useRealTimers();
});

const written = async (stream: PassThrough, text: string): Promise<void> => {
  stream.write(text);
  // The reader gets it on a later turn.
  await new Promise((resolve) => setImmediate(resolve));
};

test("after ten seconds lines pass again, from the start of a line, and what was dropped is told", async () => {
  const stream = new PassThrough();
  const lines: string[] = [];
  readStderr(stream, (line) => lines.push(line));
  await written(stream, "x\n".repeat(200));
  expect(lines.length).toBe(200);
  await written(stream, "dropped\nhalf ");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(lines.slice(200)).toEqual(["13 bytes dropped"]);
  await written(stream, "a line");
  await written(stream, " ends\nnew line\n");
  expect(lines.slice(201)).toEqual(["new line"]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(lines.slice(202)).toEqual(["12 bytes dropped"]);
});

test("a quiet child is never told to have dropped anything", async () => {
  const stream = new PassThrough();
  const lines: string[] = [];
  readStderr(stream, (line) => lines.push(line));
  await written(stream, "one\r\n\ntw");
  await written(stream, "o");
  await vi.advanceTimersByTimeAsync(10_000);
  stream.end();
  await vi.waitFor(() => expect(lines).toEqual(["one", "two"]));
});
