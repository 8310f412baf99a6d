/**
 * The answer to `initialize` that the client gives by itself while nobody is signed in: as little as keeps an app from
 * dropping the server. Pure text.
 */
import type { Message } from "@smcp/core";

import { version } from "../version.ts";

const LONGEST_VERSION = 64;

/** True for the messages that open a conversation, in either era. */
export function isOpening(message: Message): boolean {
  return message.kind === "request" && (message.method === "initialize" || message.method === "server/discover");
}

/**
 * Builds the answer: the version that was asked for, tools whose list will change.
 *
 * @param instructions the sentence that tells how to sign in
 * @returns `undefined` for an `initialize` that names no version
 */
export function greet({ id, text }: Message, instructions: string): string | undefined {
  const protocolVersion = versionIn(text);
  if (protocolVersion === undefined || id === undefined) return undefined;
  const result = {
    protocolVersion,
    capabilities: { tools: { listChanged: true } },
    serverInfo: { name: "smcp", title: "smcp: sign-in needed", version },
    instructions,
  };
  return answerTo(id, JSON.stringify(result));
}

/** The answer to a request, its id as it was written. */
export function answerTo(id: string, result: string): string {
  return `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
}

/** What an app is sent once the server itself answers. */
export const LIST_CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';

/** The protocol version that an `initialize` asks for. */
export function versionIn(initialize: string): string | undefined {
  // Core has read it: it is JSON, and an object.
  const { params } = JSON.parse(initialize) as { params?: { protocolVersion?: unknown } };
  const version = params?.protocolVersion;
  return typeof version === "string" && version.length <= LONGEST_VERSION ? version : undefined;
}

/** The protocol version that an answer to `initialize` agrees to; `undefined` where it is an error, or none. */
export function agreedIn(answer: string): string | undefined {
  try {
    const { result } = JSON.parse(answer) as { result?: { protocolVersion?: unknown } };
    const version = result?.protocolVersion;
    return typeof version === "string" && /^[\x21-\x7e]{1,64}$/.test(version) ? version : undefined;
  } catch {
    return undefined;
  }
}
