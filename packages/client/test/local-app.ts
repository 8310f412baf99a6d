/** An app that comes while nobody is signed in, word by word, and the server behind the client. */
import { expect, onTestFinished } from "vitest";

import { startBackend, type Answer, type Backend } from "./backend.ts";
import type { Changes } from "./settings.ts";
import { startSignedOut, type SignedOut } from "./signed-out.ts";
import { post, type Spoken } from "./speak.ts";

export const INITIALIZE =
  '{"jsonrpc":"2.0","id":"i\\u0031","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"app","version":"1"}}}';
export const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
export const PING = '{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}';
export const LIST = '{"jsonrpc":"2.0","id":2,"method":"tools/list"}';
export const LISTED = '{"jsonrpc":"2.0","id":2,"result":{"tools":[]}}';
export const DISCOVER = '{"jsonrpc":"2.0","id":3,"method":"server/discover","params":{}}';
export const NOT_FOUND = { code: -32_001, message: "session not found" };

export const answers = (id: string | undefined, version = "2025-11-25"): Answer => {
  return ({ body, method }, response) => {
    const isInitialize = body === INITIALIZE;
    response.writeHead(method === "GET" ? 405 : body === INITIALIZED ? 202 : 200, {
      "content-type": "application/json",
      ...(id !== undefined && { "mcp-session-id": id }),
    });
    const result = `{"protocolVersion":"${version}","capabilities":{},"serverInfo":{"name":"s","version":"1"}}`;
    response.end(isInitialize ? `{"jsonrpc":"2.0","id":"i\\u0031","result":${result}}` : LISTED);
  };
};

export interface Setup extends SignedOut {
  readonly backend: Backend;
}

export async function start(answer: Answer = answers("s-1"), changes: Changes = {}): Promise<Setup> {
  const backend = await startBackend(answer);
  onTestFinished(() => backend[Symbol.asyncDispose]());
  return { ...(await startSignedOut(backend.url, changes)), backend };
}

/** Begins a session that nobody is signed in for. */
export async function begin({ client, person }: SignedOut): Promise<string> {
  person.stayAway();
  const answer = await post(client.url, "/v1/docs", INITIALIZE);
  expect(answer.status).toBe(200);
  const id = String(answer.headers["mcp-session-id"]);
  expect(await post(client.url, "/v1/docs", INITIALIZED, { "mcp-session-id": id })).toMatchObject({ status: 202 });
  return id;
}

export const inSession = (id: string, more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  "mcp-session-id": id,
  ...more,
});

export function errorOf(answer: Spoken): unknown {
  const { error } = JSON.parse(answer.body) as { error: { code: number; message: string } };
  return { code: error.code, message: error.message };
}
