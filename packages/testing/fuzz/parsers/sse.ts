/** The event stream reader beside the HTML standard's own words, applied to the whole text at once. */
import * as fc from "fast-check";

import { SseReader, type SseEvent } from "@smcp/core";

import { fuzzed, same } from "../fuzzed.ts";
import { asBytes, feed, streamOf, type Stream } from "./bytes.ts";

interface Events extends Stream {
  readonly limit: number;
}

interface Heard {
  readonly events: readonly SseEvent[];
  readonly lastEventId: string | undefined;
  readonly retry: number | undefined;
}

const MARK = asBytes("\ufeff");

/** The lines of a text that are ended. */
function endedLines(text: string): string[] {
  return text.split(/\r\n|\n|\r/).slice(0, -1);
}

/** HTML, 9.2.6: "interpreting an event stream". */
function interpret(bytes: string): Heard {
  // Takes a byte order mark off the start, and off nothing else.
  const text = new TextDecoder().decode(Buffer.from(bytes, "latin1"));
  const events: SseEvent[] = [];
  const buffers = { data: "", event: "", id: undefined as string | undefined, retry: undefined as number | undefined };
  let lastEventId: string | undefined;
  for (const line of endedLines(text)) {
    if (line !== "") {
      processField(buffers, line);
      continue;
    }
    lastEventId = buffers.id;
    // An event of nothing but an empty line of data is a sign of life: it has nothing to say.
    const { data } = buffers;
    if (data !== "" && data !== "\n") events.push({ type: buffers.event || "message", data: data.slice(0, -1) });
    buffers.data = "";
    buffers.event = "";
  }
  return { events, lastEventId, retry: buffers.retry };
}

function processField(
  buffers: { data: string; event: string; id: string | undefined; retry: number | undefined },
  line: string,
): void {
  const [, field = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
  if (field === "data") buffers.data += `${value}\n`;
  else if (field === "event") buffers.event = value;
  else if (field === "id" && !value.includes("\0")) buffers.id = value;
  else if (field === "retry" && /^[0-9]{1,9}$/.test(value)) buffers.retry = Number(value);
}

/** The stream without the events that are larger than the limit, their comments not counted. */
function withinLimit(bytes: string, limit: number): { readonly bytes: string; readonly isAll: boolean } {
  let kept = "";
  let isAll = true;
  let event: string[] = [];
  let size = 0;
  let drops = false;
  const add = (line: string): void => {
    if (size + line.length > limit) drops = true;
    const isFirst = event.length === 0 && kept === "";
    if (!line.startsWith(":") && !(isFirst && line.startsWith(`${MARK}:`))) size += line.length;
    event.push(line);
  };
  for (const line of endedLines(bytes)) {
    if (line !== "") {
      add(line);
      continue;
    }
    // What was read before the line that is too much stays read; only its data is lost.
    kept += drops ? "\n" : `${event.join("\n")}\n\n`;
    if (drops) isAll = false;
    [event, size, drops] = [[], 0, false];
  }
  add(bytes.split(/\r\n|\n|\r/).at(-1) ?? "");
  return { bytes: kept, isAll: isAll && !drops };
}

const piece = fc.oneof(
  { arbitrary: fc.constantFrom("\n", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\r\r", "\n\r", "\r\n\n"), weight: 5 },
  {
    arbitrary: fc.constantFrom(
      "data: ",
      "data:",
      "data",
      "data:  x",
      "event: ",
      "event:x",
      "id: ",
      "id: 7",
      "id",
      "id: a\0b",
      "retry: ",
      "retry: 250",
      "retry: 1s",
      "retry:-1",
      ": hi",
      ":",
      "Data: x",
      "data : x",
      "data\t:x",
    ),
    weight: 5,
  },
  {
    arbitrary: fc.constantFrom(
      '{"a":1}',
      "a",
      " ",
      ":",
      "::",
      "\0",
      "\x85",
      "\x0b",
      asBytes("é"),
      asBytes("€"),
      asBytes("😀"),
      asBytes("\ufeff"),
      asBytes("\u2028"),
      "\xff",
      "\xc3",
      "\xf0\x9f",
      "\xed\xa0\x80",
      "\xef\xbb",
    ),
    weight: 3,
  },
  { arbitrary: fc.nat(40).map((length) => "x".repeat(length)), weight: 1 },
);
const input: fc.Arbitrary<Events> = fc
  .tuple(
    fc.constantFrom("", "", "", asBytes("\ufeff"), "\n"),
    streamOf(piece),
    fc.oneof(fc.constantFrom(1_000_000), fc.nat(60)),
  )
  .map(([start, { bytes, cuts }, limit]) => ({ bytes: start + bytes, cuts, limit }));

export const sse = fuzzed("sse", input, (stream) => {
  const events: SseEvent[] = [];
  const reader = new SseReader(stream.limit, (event) => events.push(event));
  const said = feed(stream, (chunk) => reader.push(chunk));
  const { lastEventId, retry } = reader;
  if (stream.limit === 1_000_000) {
    same({ events, lastEventId, retry }, interpret(stream.bytes), "what was heard");
    return;
  }
  const { bytes, isAll } = withinLimit(stream.bytes, stream.limit);
  same(events, interpret(bytes).events, "the events within the limit");
  same(said.every(Boolean), isAll, "whether all were within the limit");
});
