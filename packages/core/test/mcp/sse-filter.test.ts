import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { SseFilter, type SseVerdict } from "../../src/mcp/sse-filter.ts";
import { SseReader, type SseEvent } from "../../src/mcp/sse.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const latin1 = (parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString("latin1");

interface Filtered {
  readonly text: string;
  readonly judged: readonly SseEvent[];
  readonly broken: string | undefined;
}

/** Filters the events "x" of a stream that comes in pieces of the given sizes, the last one repeated. */
function filter(stream: string, verdict: SseVerdict, sizes: readonly number[] = [1], limit = 1_000): Filtered {
  const judged: SseEvent[] = [];
  const judge = (event: SseEvent): SseVerdict => {
    judged.push(event);
    return verdict;
  };
  const filter = new SseFilter({ type: "x", limit, judge });
  const bytes = encode(stream);
  const out: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[Math.min(i, sizes.length - 1)] ?? 1);
    out.push(...(filter.push(bytes.subarray(at, at + size)) ?? []));
    at += size;
  }
  out.push(...filter.end());
  return { text: Buffer.from(latin1(out), "latin1").toString(), judged, broken: filter.broken };
}

const X = "event: x\ndata: a\n\n";

describe("an event of the type that is judged", () => {
  const rows: [title: string, stream: string, verdict: SseVerdict, expected: string][] = [
    ["is kept", `:\n\n${X}data: b\n\n`, "keep", `:\n\n${X}data: b\n\n`],
    ["is dropped", `id: 1\ndata:\n\n${X}data: b\n\n`, "drop", "id: 1\ndata:\n\ndata: b\n\n"],
    ["gets other data", `data: b\n\n${X}`, { data: "z" }, "data: b\n\nevent: x\ndata: z\n\n"],
    [
      "keeps all its other lines when it gets other data",
      "id: 7\n: hi\ndata: 1\nevent: x\nretry: 5\ndata:2\nodd\ndata\n\n",
      { data: "z" },
      "id: 7\n: hi\ndata: z\nevent: x\nretry: 5\nodd\n\n",
    ],
    [
      "gets data of several lines, which no line of it can leave",
      X,
      { data: "1\n\nevent: y\r\rdata: 2" },
      "event: x\ndata: 1\ndata: \ndata: event: y\ndata: \ndata: data: 2\n\n",
    ],
    [
      "may be the first line after a byte order mark",
      "\ufeffdata: a\nevent: x\n\n",
      { data: "z" },
      "data: z\nevent: x\n\n",
    ],
    [
      "is the last that names a type",
      "event: y\nevent: x\ndata: a\n\nevent: x\nevent: y\ndata: b\n\n",
      "drop",
      "event: x\nevent: y\ndata: b\n\n",
    ],
    ["passes without data, for its id counts", "event: x\nid: 9\n\n", "drop", "event: x\nid: 9\n\n"],
    ["does not pass when it is cut off at the end", `data: b\n\nevent: x\ndata: a`, "keep", "data: b\n\n"],
  ];
  it.each(rows)("%s", (_, stream, verdict, expected) => {
    for (const end of ["\n", "\r\n", "\r"]) {
      for (const sizes of [[1], [2], [3], [7], [1_000]]) {
        const got = filter(stream.replaceAll("\n", end), verdict, sizes).text;
        // What is written anew inside an event ends as the line that it stands for.
        expect(got).toBe(expected.replaceAll("\n", end));
      }
    }
  });

  it("breaks the stream off before a byte of it, whatever stands behind it", () => {
    for (const sizes of [[1], [5], [1_000]]) {
      const { text, broken, judged } = filter(`data: b\n\n${X}data: c\n\n${X}`, { breaks: "no" }, sizes);
      expect([text.startsWith("data: b\n\n") || text === "", text.includes("event"), text.includes("c")]).toEqual([
        true,
        false,
        false,
      ]);
      expect([broken, judged.length]).toEqual(["no", 1]);
    }
  });
});

describe("an event over the limit", () => {
  const large = `data: ${"é".repeat(300)}\n`;
  it("passes as it comes, where it has another type", () => {
    for (const sizes of [[1], [64], [10_000]]) {
      const stream = `${large}data: c\nevent: y\n\n${X}`;
      expect(filter(stream, { data: "z" }, sizes, 64)).toMatchObject({
        text: `${large}data: c\nevent: y\n\nevent: x\ndata: z\n\n`,
        broken: undefined,
      });
    }
  });

  it.each([
    `${large}event: x\n\n`,
    `event: x\n${large}\n`,
    `event: x\n${large}`,
    `event: x\n${":\n".repeat(64)}`,
    `${":\n".repeat(64)}event: x\ndata: a\n\n`,
  ])("of the type that is judged breaks the stream off, whenever the type comes: %#", (stream) => {
    for (const sizes of [[1], [64]]) {
      const { text, broken } = filter(stream, "keep", sizes, 64);
      expect(broken).toBe('an event "x" is too large');
      expect(text).not.toContain("\n\n");
    }
  });
});

it("holds nothing back once a blank line was seen, and cuts no bytes of other events anew", () => {
  const filter = new SseFilter({ type: "x", limit: 100, judge: () => "keep" });
  const chunk = encode("id: 1\ndata:\r\n\r\n: ping\n\ndata: a\r\r");
  const [only, ...more] = filter.push(chunk) ?? [];
  expect([only?.buffer === chunk.buffer, only?.length, more]).toEqual([true, chunk.length, []]);
  expect(latin1(filter.push(encode("\ndata: b")) ?? [])).toBe("\n");
  expect(latin1(filter.push(encode("\n\n")) ?? [])).toBe("data: b\n\n");
});

const line = fc.oneof(
  fc.constantFrom(
    "",
    "event: x",
    "event:x",
    "event",
    "event: y",
    "data",
    "data: 1",
    "data:ö€😀",
    ": note",
    "id: 3",
    "retry: 9",
    "odd: 1",
  ),
  fc.string({ maxLength: 8 }).map((text) => text.replaceAll(/[\r\n]/g, "")),
);
const stream = fc
  .array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")), { maxLength: 24 })
  .map((lines) => lines.flat().join(""));
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 });

const read = (text: string): SseEvent[] => {
  const events: SseEvent[] = [];
  new SseReader(10_000, (event) => events.push(event)).push(encode(text));
  return events;
};

it("passes any stream byte for byte while it keeps, wherever the chunks are cut", () => {
  fc.assert(
    fc.property(stream, sizes, (text, cuts) => {
      const whole = `${text}\n\n`;
      expect(filter(whole, "keep", cuts).text).toBe(whole);
    }),
  );
});

it("comes to the same wherever the chunks are cut, and its reader sees exactly what was decided", () => {
  fc.assert(
    fc.property(
      stream,
      sizes,
      fc.constantFrom<SseVerdict>("drop", { data: "z" }, { data: "é\n\ndata: z" }),
      (text, cuts, verdict) => {
        const got = filter(text, verdict, cuts);
        expect(got).toEqual(filter(text, verdict, [10_000]));
        const before = read(text);
        expect(got.judged).toEqual(before.filter(({ type }) => type === "x"));
        const after = before.flatMap((event) =>
          event.type !== "x"
            ? [event]
            : typeof verdict === "object" && "data" in verdict
              ? [{ type: "x", data: verdict.data }]
              : [],
        );
        expect(read(got.text)).toEqual(after);
      },
    ),
  );
});
