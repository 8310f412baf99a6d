import { request } from "node:http";
import { Duplex } from "node:stream";

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { BodyReader } from "../src/upstream/body-reader.ts";
import { readHead } from "../src/upstream/response-head.ts";

/** What Node's own parser makes of the bytes: status and body, or `undefined` where it refuses them. */
function byNode(bytes: Buffer): Promise<string | undefined> {
  const wire = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  return new Promise((resolve) => {
    const asked = request({ createConnection: () => wire, method: "POST", path: "/" }, (answer) => {
      let body = "";
      answer.on("data", (piece: Buffer) => (body += piece.toString("latin1")));
      answer.on("end", () => resolve(answer.complete ? `${answer.statusCode} ${body}` : undefined));
      answer.on("error", () => resolve(undefined));
    });
    asked.on("error", () => resolve(undefined));
    asked.on("upgrade", () => resolve(undefined));
    asked.end();
    wire.push(bytes);
    wire.push(null);
  });
}

/** The same by our reader, at the given boundaries; a `+` where more came than the answer: its connection is then ended. */
function byUs(bytes: Buffer, cuts: readonly number[]): string | undefined {
  try {
    const text = bytes.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    const { status, framing } = readHead(text.slice(0, end + 2));
    if (status < 200) return undefined;
    const reader = new BodyReader();
    reader.begin(framing);
    let body = "";
    const edges = [...new Set([...cuts.map((cut) => end + 4 + cut), bytes.length])]
      .filter((edge) => edge > end + 4 && edge <= bytes.length)
      .toSorted((a, b) => a - b);
    let from = end + 4;
    for (const edge of edges) {
      // A copy, overwritten afterwards: what is lent must not be kept.
      const lent = Buffer.from(bytes.subarray(from, edge));
      const used = reader.read(lent, 0, true, (piece) => (body += piece.toString("latin1")));
      lent.fill(0);
      if (used < edge - from || (reader.isDone && edge < bytes.length)) return `${status} ${body}+`;
      from = edge;
    }
    return reader.isDone || reader.endsWithConnection ? `${status} ${body}` : undefined;
  } catch {
    return undefined;
  }
}

const line = fc.constantFrom(
  "content-length: 5",
  "content-length: 12",
  "Content-Length:0",
  "content-length: 5, 5",
  "content-length: -1",
  "transfer-encoding: chunked",
  "Transfer-Encoding: Chunked",
  "transfer-encoding: gzip, chunked",
  "transfer-encoding: identity",
  "connection: close",
  "x: y",
  "x : y",
  " folded",
  "x",
  "",
  "x: \x01",
  "x: é",
);
const body = fc.oneof(
  fc.constantFrom(
    "hello",
    "hello, world",
    "5\r\nhello\r\n0\r\n\r\n",
    "5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\n",
    "0\r\n\r\n",
    "",
  ),
  fc
    .array(fc.constantFrom("5", "0", "A", "a", "\r\n", "\n", "\r", ";", " ", "hello", "g", "x: y"), { maxLength: 12 })
    .map((all) => all.join("")),
);
const answer = fc
  .record({
    version: fc.constantFrom("HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "http/1.1", "HTTP/11"),
    status: fc.constantFrom("200 OK", "200", "200 ", "204 No", "304 Not", "404 Not Found", "099 X", "20 X", "2000 X"),
    eol: fc.constantFrom("\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r"),
    lines: fc.array(line, { maxLength: 4 }),
    body,
  })
  .map(({ version, status, eol, lines, body }) =>
    Buffer.from(
      [`${version} ${status}`, ...lines, "", ""].join(eol).replace(/(?:\r\n|\n|\r)$/, "\r\n") + body,
      "latin1",
    ),
  );

describe("the reader of answers", () => {
  it("accepts nothing that Node's parser reads in another way, at any boundary", async () => {
    await fc.assert(
      fc.asyncProperty(answer, fc.array(fc.nat({ max: 60 }), { maxLength: 5 }), async (bytes, cuts) => {
        const ours = byUs(bytes, cuts);
        expect(byUs(bytes, [])).toBe(ours);
        if (ours === undefined) return;
        const theirs = await byNode(bytes);
        // Node may refuse the surplus together with the answer before it.
        if (!ours.endsWith("+") || theirs !== undefined) expect(ours.replace(/\+$/, "")).toBe(theirs);
      }),
      { numRuns: 3_000 },
    );
  });

  it("accepts what servers send", async () => {
    const chunk = fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 30 });
    const good = fc.record({ chunks: fc.array(chunk, { maxLength: 8 }), isChunked: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(good, fc.array(fc.nat({ max: 200 }), { maxLength: 6 }), async ({ chunks, isChunked }, cuts) => {
        const whole = chunks.join("");
        const framed = chunks.map((one) => `${one.length.toString(16)}\r\n${one}\r\n`).join("");
        const text = isChunked
          ? `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${framed}0\r\n\r\n`
          : `HTTP/1.1 200 OK\r\ncontent-length: ${whole.length}\r\n\r\n${whole}`;
        const bytes = Buffer.from(text, "latin1");
        expect(byUs(bytes, cuts)).toBe(`200 ${whole}`);
        expect(await byNode(bytes)).toBe(`200 ${whole}`);
      }),
      { numRuns: 500 },
    );
  });
});
