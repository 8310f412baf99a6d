import { expect, test } from "vitest";

import { SseReader, type SseEvent } from "../src/mcp/sse.ts";

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function read(text: string | Uint8Array, step: number, limit = 1_000): { events: SseEvent[]; reader: SseReader } {
  const events: SseEvent[] = [];
  const reader = new SseReader(limit, (event) => events.push(event));
  const bytes = typeof text === "string" ? encode(text) : text;
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
  return { events, reader };
}

const STREAMS: readonly (readonly [string, string, readonly SseEvent[]])[] = [
  ["one event", "data: a\n\n", [{ type: "message", data: "a" }]],
  ["an event with a type", "event: endpoint\ndata: /x\n\n", [{ type: "endpoint", data: "/x" }]],
  ["several lines of data", "data: a\ndata:b\ndata\n\n", [{ type: "message", data: "a\nb\n" }]],
  ["only one space behind the colon is taken", "data:  a:b\n\n", [{ type: "message", data: " a:b" }]],
  ["comments and unknown fields", ":\n\n: hi\nfoo: 1\ndata: a\n\n:\n\n", [{ type: "message", data: "a" }]],
  ["an event without data", "event: x\n\ndata: a\n\n", [{ type: "message", data: "a" }]],
  ["a priming event with empty data", "id: 1\ndata:\n\ndata: a\n\n", [{ type: "message", data: "a" }]],
  ["a last event that is cut", "data: a\n\ndata: b\n", [{ type: "message", data: "a" }]],
  ["characters of several bytes", "data: ä€😀\n\n", [{ type: "message", data: "ä€😀" }]],
  ["a byte order mark in front", "\ufeffdata: a\n\n", [{ type: "message", data: "a" }]],
  ["blank lines in front", "\n\n\ndata: a\n\n", [{ type: "message", data: "a" }]],
];

for (const [title, stream, expected] of STREAMS) {
  test(`${title}: read with LF, CRLF and CR, whole and byte by byte`, () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      for (const step of [1, 2, 3, 1_000]) {
        expect(read(stream.replaceAll("\n", end), step).events).toEqual(expected);
      }
    }
  });
}

test("an event is told at its blank line, not at the next byte", () => {
  const events: SseEvent[] = [];
  const reader = new SseReader(100, (event) => events.push(event));
  reader.push(encode("data: a\r\n\r"));
  expect(events).toEqual([{ type: "message", data: "a" }]);
  reader.push(encode("\ndata: b\r\r"));
  expect(events.map((one) => one.data)).toEqual(["a", "b"]);
});

test("the last id and the pause are kept, wrong ones left out", () => {
  const { reader } = read("id: 7\ndata:\n\nid: a\0b\nretry: 250\nretry: 1s\n\n", 4);
  expect(reader.lastEventId).toBe("7");
  expect(reader.retry).toBe(250);
  expect(read("data: a\n\n", 100).reader.lastEventId).toBeUndefined();
});

test("an event over the limit is dropped and reported, the next one is read", () => {
  for (const step of [1, 7, 1_000]) {
    const stream = `data: ${"a".repeat(60)}\n\ndata: ok\n\ndata: ${"b".repeat(30)}\ndata: ${"c".repeat(30)}\nevent: d\ndata: d\n\ndata: end\n\n`;
    const { events } = read(stream, step, 50);
    expect(events.map((one) => one.data)).toEqual(["ok", "end"]);
  }
  const reader = new SseReader(50, () => undefined);
  expect(reader.push(encode(`data: ${"a".repeat(30)}`))).toBe(true);
  expect(reader.push(encode("a".repeat(30)))).toBe(false);
  expect(reader.push(encode("\n\n"))).toBe(true);
});

test("comments for hours do not fill an event", () => {
  const { events } = read(`${": still here\n".repeat(50)}data: a\n\n`, 5, 50);
  expect(events).toEqual([{ type: "message", data: "a" }]);
});

test("an id counts with the blank line behind its event: what broke off before must be asked for again", () => {
  expect(read("id: 1\ndata: a\n\nid: 2\ndata: b\n", 3).reader.lastEventId).toBe("1");
  expect(read("id: 1\ndata: a\n\nid: 2\n\n", 3).reader.lastEventId).toBe("2");
});

test("a byte order mark is one at the very start only, elsewhere it is part of a name", () => {
  for (const stream of ["\n\ufeffdata: a\n\ndata: b\n\n", "\ufeff\ufeffdata: a\n\ndata: b\n\n"]) {
    expect(read(stream, 1).events).toEqual([{ type: "message", data: "b" }]);
  }
});
