/** Both ends of a client on stdio: an app that writes and reads lines, a server that answers as a test says. */
import { PassThrough } from "node:stream";

import { expect, onTestFinished } from "vitest";

import { startClient, type Client } from "../src/index.ts";
import { Metrics } from "../src/metrics.ts";
import { startWith } from "../src/start.ts";
import type { Tokens } from "../src/tokens/tokens.ts";
import { startBackend, type Answer, type Backend } from "./backend.ts";
import { keepLog, type KeptLog } from "./log.ts";
import { settingsFor, type Changes } from "./settings.ts";

/** An app that speaks on stdio through a client, and the server behind it. */
export interface App {
  readonly client: Client;
  readonly backend: Backend;
  readonly log: KeptLog;
  readonly stdin: PassThrough;
  /** Sends lines. */
  readonly say: (...lines: readonly string[]) => void;
  /** The next line that comes back. */
  readonly hear: () => Promise<string>;
  /** Every line that was not heard yet. */
  readonly heard: string[];
}

/**
 * Starts both; a test's end stops them.
 *
 * @param tokens in place of those that the settings ask for
 */
export async function startApp(answer: Answer, changes: Changes = {}, tokens?: Tokens): Promise<App> {
  const backend = await startBackend(answer);
  const stdin = new PassThrough();
  const stdout = new PassThrough({ encoding: "utf8" });
  const heard: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  let rest = "";
  stdout.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const next = waiting.shift();
      if (next) next(line);
      else heard.push(line);
    }
  });
  const log = keepLog();
  const settings = settingsFor(backend.url, { stdioPath: "/v1/docs", ...changes });
  const io = { stdin, stdout };
  const client = tokens
    ? await startWith(settings, { tokens, metrics: new Metrics(), log, trust: undefined }, io)
    : await startClient(settings, log, io);
  onTestFinished(async () => {
    await client.close();
    await backend[Symbol.asyncDispose]();
  });
  return {
    client,
    backend,
    log,
    stdin,
    heard,
    say: (...lines) => void stdin.write(lines.map((line) => `${line}\n`).join("")),
    hear: () => {
      const line = heard.shift();
      return line === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(line);
    },
  };
}

export const INITIALIZE = '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}';
export const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
export const AGREED = '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}';
export const CALL = '{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"x"}}';
export const RESULT = '{"jsonrpc":"2.0","id":"c","result":{"n":12345678901234567890}}';

/** A legacy server: `answer` gets what is neither handshake nor stream nor goodbye. */
export function legacy(answer: Answer, stream: Answer = (_, response) => response.writeHead(405).end()): Answer {
  return (request, response, incoming) => {
    if (request.body === INITIALIZE) {
      response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "s-1" }).end(AGREED);
    } else if (request.body === INITIALIZED) response.writeHead(202).end();
    else if (request.method === "DELETE") response.writeHead(200).end();
    else if (request.method === "GET") stream(request, response, incoming);
    else answer(request, response, incoming);
  };
}

/** Answers with an event stream that ends. */
export const events =
  (...texts: readonly string[]): Answer =>
  (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" }).end(texts.join(""));
  };

/** The parts of an error line that are the same every time. */
export function errorLine(line: string): unknown {
  const { jsonrpc, id, error } = JSON.parse(line) as {
    jsonrpc: string;
    id?: unknown;
    error: { code: number; message: string; data: { request_id: string } };
  };
  expect(jsonrpc).toBe("2.0");
  expect(error.data.request_id).toMatch(/^[0-9a-f-]{36}$/);
  return { id, code: error.code, message: error.message };
}
