/** The reader of upstreams' answers beside Node's own parser: what ours accepts, Node's reads in the same way, at any boundary. */
import { request } from "node:http";
import { Duplex } from "node:stream";

import * as fc from "fast-check";

import { BodyReader } from "../../../edge/src/upstream/body-reader.ts";
import { readHead } from "../../../edge/src/upstream/response-head.ts";
import { fuzzed, same } from "../fuzzed.ts";
import { feed, streamOf, type Stream } from "./bytes.ts";

const SURPLUS = "\u2026";

/** What Node makes of the bytes: status and body, or `undefined` where it refuses them. */
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

/** The same by our reader; marked where more came than the answer: its connection is then ended. */
function byUs({ bytes, cuts }: Stream): string | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  try {
    const { status, framing } = readHead(bytes.slice(0, end + 2));
    if (status < 200) return undefined;
    const reader = new BodyReader();
    reader.begin(framing);
    let body = "";
    let surplus = 0;
    feed({ bytes: bytes.slice(end + 4), cuts }, (chunk) => {
      // A copy, overwritten afterwards: what is lent must not be kept.
      const lent = Buffer.from(chunk);
      surplus += chunk.length - reader.read(lent, 0, true, (piece) => (body += piece.toString("latin1")));
      lent.fill(0);
    });
    if (surplus > 0) return `${status} ${body}${SURPLUS}`;
    return reader.isDone || reader.endsWithConnection ? `${status} ${body}` : undefined;
  } catch {
    return undefined;
  }
}

const first = fc
  .tuple(
    fc.constantFrom(
      "HTTP/1.1",
      "HTTP/1.1",
      "HTTP/1.1",
      "HTTP/1.0",
      "HTTP/1.2",
      "HTTP/2.0",
      "http/1.1",
      "HTTP/11",
      "ICY",
    ),
    fc.constantFrom(
      "200 OK",
      "200",
      "200 ",
      "204 No",
      "304 Not",
      "404 Not Found",
      "100 Continue",
      "103 Hint",
      "099 X",
      "20 X",
      "2000 X",
    ),
  )
  .map((parts) => parts.join(" "));
const line = fc.constantFrom(
  "content-length: 5",
  "content-length: 12",
  "Content-Length:0",
  "content-length: 5, 5",
  "content-length: -1",
  "content-length: +5",
  "content-length: 0x5",
  "content-length: 5 ",
  "content-length:\t5",
  "content-length:",
  "content_length: 5",
  "transfer-encoding: chunked",
  "Transfer-Encoding: Chunked",
  "transfer-encoding: gzip, chunked",
  "transfer-encoding: chunked, identity",
  "transfer-encoding: identity",
  "transfer-encoding:",
  "connection: close",
  "connection: upgrade",
  "upgrade: h2c",
  "trailer: x",
  "x: y",
  "x : y",
  " folded",
  "x",
  "",
  "x: \x01",
  "x: \0",
  "x: \xe9",
  "\xe9: x",
  ": x",
  "__proto__: x",
);
const end = fc.constantFrom("\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n");
const head = fc
  .tuple(
    first,
    fc.array(
      fc.tuple(end, line).map((parts) => parts.join("")),
      { maxLength: 4 },
    ),
    end,
  )
  .map(([start, lines, last]) => `${start}${lines.join("")}${last}\r\n`);
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
    .array(
      fc.constantFrom(
        "5",
        "0",
        "A",
        "a",
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        ";",
        " ",
        "hello",
        "g",
        "x: y",
        "\t",
        "\0",
        "-",
        "+",
        "0x",
        "HTTP/1.1 200 OK\r\n\r\n",
      ),
      { maxLength: 12 },
    )
    .map((all) => all.join("")),
);

interface Answer extends Stream {
  /** What must be read, of an answer as servers send it. */
  readonly whole?: string;
}

const odd: fc.Arbitrary<Answer> = fc
  .tuple(head, body, streamOf(fc.constant("")))
  .map(([start, rest, { cuts }]) => ({ bytes: start + rest, cuts }));
const good: fc.Arbitrary<Answer> = fc
  .tuple(
    fc.array(fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 30 }), { maxLength: 8 }),
    fc.boolean(),
    streamOf(fc.constant("")),
  )
  .map(([chunks, isChunked, { cuts }]) => {
    const whole = chunks.join("");
    const framed = chunks.map((one) => `${one.length.toString(16)}\r\n${one}\r\n`).join("");
    const bytes = isChunked
      ? `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${framed}0\r\n\r\n`
      : `HTTP/1.1 200 OK\r\ncontent-length: ${whole.length}\r\n\r\n${whole}`;
    return { bytes, cuts, whole };
  });
const input = fc.oneof({ arbitrary: odd, weight: 6 }, { arbitrary: good, weight: 1 });

export const answer = fuzzed("answer", input, async (stream) => {
  const ours = byUs(stream);
  same(ours, byUs({ ...stream, cuts: [] }), "the answer, at other boundaries");
  if (stream.whole !== undefined) same(ours, `200 ${stream.whole}`, "a good answer");
  if (ours === undefined) return;
  const theirs = await byNode(Buffer.from(stream.bytes, "latin1"));
  // Node looks into what nobody needs: extensions and trailers. It ends where ours ends.
  if (theirs === undefined && /\n[0-9A-Fa-f]+;|(?:^|\n)0+\r\n[^\r]/.test(stream.bytes)) return;
  // Node may refuse the surplus together with the answer before it.
  if (!ours.endsWith(SURPLUS) || theirs !== undefined) same(ours.replace(SURPLUS, ""), theirs, "the answer");
});
