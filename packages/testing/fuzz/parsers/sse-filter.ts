/** The byte-preserving filter of event streams: what it keeps are the very bytes, at any chunk boundary; what it drops is not heard. */
import * as fc from "fast-check";

import { SseFilter, SseReader, type SseEvent } from "@smcp/core";

import { fuzzed, same } from "../fuzzed.ts";
import { asBytes, feed, streamOf, type Stream } from "./bytes.ts";

interface Filtered extends Stream {
  readonly limit: number;
  /** What becomes of the events that are judged. */
  readonly verdict: "keep" | "drop" | "replace" | "break";
}

const JUDGED = "endpoint";
const NEW_DATA = "/new\n/lines";
/** More than any stream here is long. */
const AMPLE = 1_000_000;

function verdictFor({ verdict }: Filtered) {
  if (verdict === "replace") return { data: NEW_DATA };
  return verdict === "break" ? { breaks: "told to" } : verdict;
}

const piece = fc.oneof(
  { arbitrary: fc.constantFrom("\n", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\r\r", "\n\r"), weight: 5 },
  {
    arbitrary: fc.constantFrom(
      "event: endpoint",
      "event:endpoint",
      "event:  endpoint",
      "event",
      "event: message",
      "event: x",
      "endpoint",
      asBytes("\ufeffevent: endpoint"),
    ),
    weight: 4,
  },
  {
    arbitrary: fc.constantFrom(
      "data: /a",
      "data:",
      "data",
      "data: {}",
      "id: 1",
      "id",
      "retry: 1",
      ": hi",
      ":",
      "odd",
      asBytes("data: é€😀"),
      "\xff",
      "\0",
      asBytes("\ufeff"),
    ),
    weight: 4,
  },
  { arbitrary: fc.nat(40).map((length) => "x".repeat(length)), weight: 1 },
);
const input: fc.Arbitrary<Filtered> = fc
  .tuple(
    streamOf(piece),
    fc.oneof(fc.constant(AMPLE), fc.nat(60)),
    fc.constantFrom("keep" as const, "drop" as const, "replace" as const, "break" as const),
  )
  .map(([{ bytes, cuts }, limit, verdict]) => ({ bytes, cuts, limit, verdict }));

function heard(bytes: string): SseEvent[] {
  const events: SseEvent[] = [];
  new SseReader(AMPLE, (event) => events.push(event)).push(Buffer.from(bytes, "latin1"));
  return events;
}

/** Runs the filter over the chunks; what went on, and whether it was broken off. */
function filter(stream: Filtered): { readonly out: string; readonly isBroken: boolean; readonly isJudged: boolean } {
  let isJudged = false;
  const judge = () => {
    isJudged = true;
    return verdictFor(stream);
  };
  const one = new SseFilter({ type: JUDGED, limit: stream.limit, judge });
  const parts = feed(stream, (chunk) => one.push(chunk) ?? []);
  const all = [...parts.flat(), ...one.end()];
  return { out: Buffer.concat(all).toString("latin1"), isBroken: one.broken !== undefined, isJudged };
}

export const sseFilter = fuzzed("sse-filter", input, (stream) => {
  const { bytes, verdict, limit } = stream;
  const { out, isBroken, isJudged } = filter(stream);
  if (limit === AMPLE) {
    const whole = filter({ ...stream, cuts: [] });
    same(
      [isBroken, isBroken || out],
      [whole.isBroken, whole.isBroken || whole.out],
      "what passes, at other chunk boundaries",
    );
    same(isBroken, verdict === "break" && isJudged, "whether it was broken off");
  }
  if (isBroken) {
    // A reader hears nothing of what was not let pass: a start of the events, and none that is judged to be broken.
    const all = heard(bytes);
    same(heard(out), all.slice(0, heard(out).length), "what was heard before it broke off");
    return;
  }
  const kept = heard(bytes).filter(({ type }) => verdict !== "drop" || type !== JUDGED);
  same(
    heard(out),
    kept.map(({ type, data }) => ({ type, data: verdict === "replace" && type === JUDGED ? NEW_DATA : data })),
    "what is heard",
  );
  if (verdict !== "keep" && isJudged) return;
  // Only an event that is cut off and would have been judged stays behind.
  if (!bytes.startsWith(out)) throw new Error("a byte that should pass was changed");
  const rest = bytes.slice(out.length);
  if (rest !== "" && !rest.includes(JUDGED)) throw new Error(`${JSON.stringify(rest)} did not pass`);
});
