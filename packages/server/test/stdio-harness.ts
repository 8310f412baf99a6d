/** A stdio backend behind a real listener, and what a caller needs to talk to it by hand. */
import { resolve } from "node:path";

import type { StdioBackend } from "@smcp/config";
import { eraOf, isRefusal, readHeaders, readMessage, type Message } from "@smcp/core";
import { openListener, readBody, type Reply } from "@smcp/edge";
import { collectLog, type CollectedLine } from "@smcp/testing";

import type { StdioTuning } from "../src/upstream/stdio/tuning.ts";
import { stdioUpstream, type Environment, type StdioUpstream } from "../src/upstream/stdio/bridge.ts";
import type { Outbound } from "../src/upstream/upstream.ts";

export interface Bridge extends AsyncDisposable {
  readonly url: string;
  readonly upstream: StdioUpstream;
  readonly log: readonly CollectedLine[];
}

export interface BridgeChoices extends Partial<StdioBackend> {
  readonly environment?: Environment;
  readonly tuning?: Partial<StdioTuning>;
}

export const fixture = (name: string): string => resolve(import.meta.dirname, "fixtures", name);

/** Without a choice, the backend is the scripted server. */
export async function openBridge({ environment = process.env, tuning, ...more }: BridgeChoices = {}): Promise<Bridge> {
  const backend: StdioBackend = {
    kind: "stdio",
    id: "tools",
    name: "Tools",
    path: "/tools",
    stripPath: true,
    timeout: 15_000,
    model: "",
    maxTokens: 0,
    command: process.execPath,
    args: [fixture("stdio-scripted.js")],
    env: new Map(),
    workingDir: import.meta.dirname,
    stdioTimeout: 15_000,
    idleTtl: 60_000,
    maxChildren: 20,
    era: "auto",
    isolation: "principal",
    ...more,
  };
  const { log, lines } = collectLog();
  const upstream = stdioUpstream(backend, log, environment, { stopGrace: 300, ...tuning });
  const listener = await openListener({
    host: "127.0.0.1",
    port: 0,
    readTimeout: 10_000,
    writeTimeout: 10_000,
    log,
    handle: async (incoming, _, reply) => {
      const headers = readHeaders(incoming.rawHeaders);
      if (typeof headers === "string") throw new TypeError(`the test sent ${headers} twice`);
      const read = incoming.method === "POST" ? await readPosted(incoming, reply) : undefined;
      if (read === null) return;
      const sessionId = headers.get("mcp-session-id");
      upstream.send(
        {
          method: incoming.method as Outbound["method"],
          below: "",
          query: "",
          headers,
          added: [],
          body: null,
          message: read,
          era: read ? eraOf(read, headers) : "legacy",
          endpoint: undefined,
          sessionId,
          caller: headers.get("x-caller") ?? "",
        },
        reply,
      );
    },
  });
  return {
    url: `http://127.0.0.1:${listener.port}/tools`,
    upstream,
    log: lines,
    async [Symbol.asyncDispose]() {
      await upstream.close();
      await listener.close(0);
    },
  };
}

async function readPosted(incoming: Parameters<typeof readBody>[0], reply: Reply): Promise<Message | null> {
  const body = await readBody(incoming, reply, 64 << 20);
  if (!body || isRefusal(body)) return null;
  const message = readMessage(body);
  if (!isRefusal(message)) return message;
  reply.refuse(message);
  return null;
}

/** A caller that opened a session, or none yet. */
export interface Caller {
  readonly session: string | undefined;
  /** Posts an object as JSON, or a text as it is. */
  post(message: unknown, headers?: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Response>;
  get(headers?: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Response>;
  delete(): Promise<Response>;
  /** Posts a request and reads its answer, which is the only message of its response. */
  ask(id: unknown, method: string, params?: unknown): Promise<Answer>;
}

export interface Answer {
  readonly id?: unknown;
  /** Absent beside an error. */
  readonly result: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

async function readAnswer(response: Response): Promise<Answer> {
  const isStream = response.headers.get("content-type") === "text/event-stream";
  return JSON.parse(isStream ? await next(events(response)) : await response.text()) as Answer;
}

export const BOTH = "application/json, text/event-stream";

export function caller(url: string, session?: string): Caller {
  const own = session === undefined ? {} : { "mcp-session-id": session };
  const post: Caller["post"] = (message, headers, signal) =>
    fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: BOTH, ...own, ...headers },
      body: typeof message === "string" ? message : JSON.stringify(message),
      signal: signal ?? null,
    });
  return {
    session,
    post,
    get: (headers, signal) =>
      fetch(url, { headers: { accept: "text/event-stream", ...own, ...headers }, signal: signal ?? null }),
    delete: () => fetch(url, { method: "DELETE", headers: own }),
    ask: async (id, method, params) => readAnswer(await post({ jsonrpc: "2.0", id, method, params })),
  };
}

export const INITIALIZE = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } },
} as const;

/** Opens a session of the scripted server. */
export async function openSession(url: string): Promise<Caller & { readonly session: string; readonly pid: number }> {
  const response = await caller(url).post(INITIALIZE);
  const answer = await readAnswer(response);
  const session = response.headers.get("mcp-session-id");
  if (session === null) throw new Error(`no session: ${response.status} ${JSON.stringify(answer)}`);
  const { version } = answer.result["serverInfo"] as { version: string };
  return { ...caller(url, session), session, pid: Number(version) };
}

/** The messages of an event stream, one by one; comments are left out. */
export async function* events(response: Response): AsyncGenerator<string, void, void> {
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString("utf8");
    const parts = text.split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts) {
      const data = /^event: message\ndata: ([\s\S]*)$/.exec(part)?.[1];
      if (data !== undefined) yield data;
    }
  }
}

/** The next message of an event stream. */
export async function next(stream: AsyncGenerator<string, void, void>): Promise<string> {
  const { value, done } = await stream.next();
  if (done) throw new Error("the stream has ended");
  return value;
}

/** True while the process runs. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A caller of the modern era; `name` is who it is. */
export interface ModernCaller {
  post(message: unknown, headers?: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Response>;
  /** Posts a request with its envelope and headers. */
  send(id: unknown, method: string, params?: Params, more?: Sending): Promise<Response>;
  /** The same, and reads its answer. */
  ask(id: unknown, method: string, params?: Params): Promise<Answer>;
}

type Params = Readonly<Record<string, unknown>>;

interface Sending {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export const ENVELOPE = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
} as const;

export function modernCaller(url: string, name = ""): ModernCaller {
  const own = { "mcp-protocol-version": "2026-07-28", "x-caller": name };
  const plain = caller(url);
  const post: ModernCaller["post"] = (message, headers, signal) => plain.post(message, { ...own, ...headers }, signal);
  const send: ModernCaller["send"] = (id, method, params, { headers, signal } = {}) => {
    const _meta = { ...ENVELOPE, ...(params?.["_meta"] as object) };
    const name = (params?.["name"] ?? params?.["uri"]) as string | undefined;
    const named = { "mcp-method": method, ...(name !== undefined && { "mcp-name": name }) };
    return post({ jsonrpc: "2.0", id, method, params: { ...params, _meta } }, { ...named, ...headers }, signal);
  };
  return { post, send, ask: async (id, method, params) => readAnswer(await send(id, method, params)) };
}

/** The scripted server of the modern era. */
export const scriptedModern = (vice?: string): BridgeChoices => ({
  args: [fixture("stdio-modern.js"), ...(vice === undefined ? [] : [vice])],
});
