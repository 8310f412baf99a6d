/**
 * The whole listener: bytes on a socket, the corpus's and what becomes of it by small changes. Whatever reaches the backend is
 * a request that a strict reader finds in the bytes too, and whatever comes back is a well-formed answer.
 */
import { once } from "node:events";
import { connect } from "node:net";

import * as fc from "fast-check";

import { isRefusal, parseTarget, readMessage } from "@smcp/core";

import { readAnswers } from "../../hostile/answers.ts";
import { corpus } from "../../hostile/corpus.ts";
import { recordingBackend, type RecordingBackend, type Seen } from "../../src/backend.ts";
import { httpBackend, startTestServer, type TestServer } from "../../src/server.ts";
import { fuzzed } from "../fuzzed.ts";
import { readRequests, type ModelRequest } from "./http-model.ts";

interface Change {
  readonly at: number;
  readonly cut: number;
  readonly put: string;
}

interface Sent {
  /** Latin-1; `{host}` stands for the listener, `{id}` for what only this sending has in its paths. */
  readonly bytes: string;
}

const SMALL = 3_000;
const bases = corpus
  .flatMap(({ rows }) => rows.map(([, send]) => (typeof send === "string" ? send : send.join(""))))
  .filter((one) => one.length < SMALL);

const put = fc.oneof(
  fc.constantFrom(
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "\0",
    " ",
    "\t",
    ":",
    ";",
    ",",
    "\x0b",
    "\x80",
    "0",
    "1",
    "a",
    "%",
    "/",
    "..",
    "",
  ),
  fc.constantFrom(
    "Transfer-Encoding: chunked\r\n",
    "Content-Length: 5\r\n",
    "0\r\n\r\n",
    "chunked",
    "Host: {host}\r\n",
    " HTTP/1.1\r\n",
    "GET /docs/{id} HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "\r\n ",
    "Connection: close\r\n",
    "Expect: 100-continue\r\n",
    "Upgrade: h2c\r\n",
  ),
);
const changes: fc.Arbitrary<Change[]> = fc.array(
  fc.record({ at: fc.nat(), cut: fc.oneof(fc.constant(0), fc.nat(3)), put }),
  { maxLength: 4 },
);

const input: fc.Arbitrary<Sent> = fc
  .tuple(fc.nat(bases.length - 1), fc.option(fc.nat(bases.length - 1)), changes)
  .map(([first, second, edits]) => {
    let bytes = (bases[first] ?? "") + (second === null ? "" : (bases[second] ?? ""));
    for (const { at, cut, put: text } of edits) {
      const place = at % (bytes.length + 1);
      bytes = bytes.slice(0, place) + text + bytes.slice(place + cut);
    }
    return { bytes };
  });

interface House {
  readonly backend: RecordingBackend;
  readonly server: TestServer;
}

let house: Promise<House> | undefined;

async function open(): Promise<House> {
  const backend = await recordingBackend((_, response) => void response.end("{}"));
  const server = await startTestServer({
    backends: [httpBackend("all", backend.url, { path: "/", stripPath: false })],
    server: { readTimeout: 1_000, maxBody: 4_096 },
  });
  return { backend, server };
}

/** Ends what the inputs so far were sent to. */
export async function closeHouse(): Promise<void> {
  const opened = await house;
  house = undefined;
  await opened?.server[Symbol.asyncDispose]();
  await opened?.backend[Symbol.asyncDispose]();
}

const END = "GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n";
/** A connection that is silent for so long waits for more. */
const SILENCE = 100;

/** Sends bytes and a last request that asks for the end; says no more where that is taken for a part of the bytes. */
async function exchange(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true, allowHalfOpen: true });
  socket.on("error", () => undefined);
  let got = "";
  socket.on("data", (chunk: Buffer) => (got += chunk.toString("latin1")));
  socket.once("end", () => socket.destroy());
  socket.setTimeout(SILENCE, () => socket.end());
  socket.write(Buffer.from(bytes, "latin1"));
  await once(socket, "close");
  return got;
}

let count = 0;

export const http = fuzzed("http", input, async ({ bytes }) => {
  const { backend, server } = await (house ??= open());
  // As long as what it stands for: lengths in the bytes stay right.
  const id = `x${(++count % 36 ** 3).toString(36).padStart(3, "0")}`;
  const sent = (bytes + END).replaceAll("{host}", new URL(server.url).host).replaceAll("{id}", id);
  backend.seen.length = 0;
  const got = await exchange(server.url, sent);
  // To a HEAD there are answers without a body: that is not told by the answer itself.
  if (!sent.includes("HEAD")) readAnswers(got, false);
  // What was sent before may still arrive: its sender did not wait for it.
  const seen = backend.seen.filter(({ url }) => !/\/x[0-9a-z]{3}/.test(url) || url.includes(id));
  compare(seen, readRequests(sent));
  if (server.lines.some(({ level }) => level === "error")) {
    throw new Error(`the log says ${JSON.stringify(server.lines.at(-1))}`);
  }
});

/** In any order: requests of one connection go to the backend on several. */
function compare(seen: readonly Seen[], found: readonly ModelRequest[]): void {
  const left = [...found];
  for (const { method, url, body } of seen) {
    const isMeant = (one: ModelRequest): boolean =>
      one.method === method &&
      one.target.replace(/\?$/, "") === url &&
      (method !== "POST" || Buffer.from(one.body, "latin1").toString("utf8") === body);
    const at = left.findIndex(isMeant);
    if (at < 0)
      throw new Error(`${method} ${url} ${JSON.stringify(body)} reached the backend, and no strict reader finds it`);
    left.splice(at, 1);
    if (!parseTarget(url)) throw new Error(`${url} reached the backend`);
    if (method === "POST" && isRefusal(readMessage(Buffer.from(body))))
      throw new Error("what is no message reached it");
  }
}
