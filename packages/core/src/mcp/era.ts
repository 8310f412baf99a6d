/** Which of MCP's two eras a message belongs to. The body decides; headers are only compared with it. */
import type { HeaderMap } from "../http/headers.ts";
import { refuse, type Refusal } from "../refusal.ts";
import { decodeHeader } from "./header-value.ts";
import { subjectOf, type Message } from "./message.ts";

/** `legacy`: 2024-11-05 to 2025-11-25, sessions. `modern`: from 2026-07-28 on, stateless. */
export type Era = "legacy" | "modern";

/** The first revision of the modern era. Revisions are dates and compare as text. */
export const FIRST_MODERN_REVISION = "2026-07-28";

const VERSION = "mcp-protocol-version";

/** The era of a message that came over HTTP. */
export function eraOf(message: Message, headers: HeaderMap): Era {
  // Only sessions are sent answers.
  if (message.kind === "response") return "legacy";
  if (message.version !== undefined) return isModern(message.version) ? "modern" : "legacy";
  // Without an envelope, a notification is what its header says; anything else is legacy.
  return message.kind === "notification" && isModern(headers.get(VERSION)) ? "modern" : "legacy";
}

/**
 * What headers say of a request must be what its body says, so that nobody on the way can be told one thing and the
 * backend another. Notifications carry no such headers; what arguments a tool wants in headers (`Mcp-Param-…`) only its
 * backend knows, here their encoding alone is judged.
 *
 * @param era the message's own
 * @returns `HEADER_MISMATCH`, or `ENVELOPE_INVALID` where headers speak of the modern era and the body does not
 */
export function verifyHeaders(message: Message, era: Era, headers: HeaderMap): Refusal | undefined {
  if (message.kind !== "request") return undefined;
  const version = headers.get(VERSION);
  if (era === "legacy") return verifyLegacy(message, version);
  if (version !== message.version) return mismatch(message, "MCP-Protocol-Version");
  if (headers.get("mcp-method") !== message.method) return mismatch(message, "Mcp-Method");
  if (!saysName(message, headers)) return mismatch(message, "Mcp-Name");
  return message.method === "tools/call" ? verifyParameters(message, headers) : undefined;
}

function verifyLegacy(message: Message, version: string | undefined): Refusal | undefined {
  if (version === undefined) return undefined;
  if (message.version === undefined && !isModern(version)) return undefined;
  if (message.version === version) return undefined;
  if (message.version !== undefined || message.method === "initialize") {
    return mismatch(message, "MCP-Protocol-Version");
  }
  return withId(message, refuse("ENVELOPE_INVALID", { rule: "it is missing" }));
}

function saysName(message: Message, headers: HeaderMap): boolean {
  const named = subjectOf(message.method);
  const header = headers.get("mcp-name");
  const said = header === undefined ? undefined : decodeHeader(header);
  if (named === undefined || message[named] === undefined) return header === undefined || said !== undefined;
  return header === undefined ? !NAMED.has(message.method) : said === message[named];
}

/** The methods whose `Mcp-Name` must be there; others that are about something may have one. */
const NAMED: ReadonlySet<string> = new Set([
  "tools/call",
  "prompts/get",
  "resources/read",
  "tasks/get",
  "tasks/update",
  "tasks/cancel",
]);

function verifyParameters(message: Message, headers: HeaderMap): Refusal | undefined {
  for (const [name, value] of headers) {
    if (name.startsWith("mcp-param-") && decodeHeader(value) === undefined) return mismatch(message, name);
  }
  return undefined;
}

function isModern(version: string | undefined): boolean {
  return version !== undefined && version >= FIRST_MODERN_REVISION;
}

function mismatch(message: Message, header: string): Refusal {
  return withId(message, refuse("HEADER_MISMATCH", { header }));
}

function withId({ id }: Message, refusal: Refusal): Refusal {
  return id === undefined ? refusal : { ...refusal, id };
}
