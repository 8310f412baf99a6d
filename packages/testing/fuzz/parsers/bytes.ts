/** A stream of bytes in chunks, as the network cuts it. */
import * as fc from "fast-check";

/** A stream that JSON can hold. */
export interface Stream {
  /** Latin-1: one character a byte. */
  readonly bytes: string;
  /** Where it is cut, in any order; positions beyond its end count from its start again. */
  readonly cuts: readonly number[];
}

/** Streams of given pieces, cut anywhere. */
export function streamOf(pieces: fc.Arbitrary<string>): fc.Arbitrary<Stream> {
  return fc.record({
    bytes: fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join("")),
    cuts: fc.oneof(fc.array(fc.nat(400), { maxLength: 8 }), fc.constantFrom([], EVERYWHERE)),
  });
}

const EVERYWHERE = Array.from({ length: 400 }, (_, i) => i);

/** The stream's chunks, in order; some of them empty where it is cut twice at one place. */
function chunksOf({ bytes, cuts }: Stream): Buffer[] {
  const all = Buffer.from(bytes, "latin1");
  const at = [0, ...cuts.map((cut) => cut % (all.length + 1)).toSorted((a, b) => a - b), all.length];
  return at.slice(1).map((end, i) => all.subarray(at[i], end));
}

/** Feeds the chunks to a parser; answers with what it said of each. */
export function feed<T>(stream: Stream, push: (chunk: Buffer) => T): T[] {
  return chunksOf(stream).map((chunk) => push(chunk));
}

/** UTF-8 text as Latin-1, for a stream's pieces. */
export function asBytes(text: string): string {
  return Buffer.from(text).toString("latin1");
}
