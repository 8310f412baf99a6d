/** Which of MCP's two eras a message belongs to. The body decides; headers are only compared with it. */
import { refuse, type Refusal } from "../refusal.ts";
import type { HeaderMap } from "../http/headers.ts";
import { subjectOf, type Message } from "./message.ts";

/** `legacy`: 2024-11-05 to 2025-11-25, sessions. `modern`: from 2026-07-28 on, stateless. */
export type Era = "legacy" | "modern";

/** The first revision of the modern era. Revisions are dates and compare as text. */
export const FIRST_MODERN_REVISION = "2026-07-28";

/** The era of a message that came over HTTP. */
export function eraOf(message: Message, headers: HeaderMap): Era {
  if (message.version !== undefined) return message.version >= FIRST_MODERN_REVISION ? "modern" : "legacy";
  // Without an envelope, a notification is what its header says; anything else is legacy.
  if (message.kind !== "notification") return "legacy";
  const header = headers.get("mcp-protocol-version");
  return header && header >= FIRST_MODERN_REVISION ? "modern" : "legacy";
}

/**
 * In the modern era, what headers say of a request must be what its body says, so that nobody on the way can be told one
 * thing and the backend another.
 *
 * @returns the refusal, or `undefined` where they agree
 */
export function verifyHeaders(message: Message, headers: HeaderMap): Refusal | undefined {
  if (message.kind !== "request") return undefined;
  if (headers.get("mcp-protocol-version") !== message.version) return mismatch(message, "MCP-Protocol-Version");
  if (headers.get("mcp-method")?.trim() !== message.method) return mismatch(message, "Mcp-Method");
  const named = subjectOf(message.method);
  if (!named || message[named] === undefined) return undefined;
  const header = headers.get("mcp-name");
  if (header === undefined || decodeHeader(header.trim()) !== message[named]) return mismatch(message, "Mcp-Name");
  return undefined;
}

function mismatch({ id }: Message, header: string): Refusal {
  return { ...refuse("HEADER_MISMATCH", { header }), ...(id !== undefined && { id }) };
}

const SENTINEL = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;

/** The value that an `Mcp-Name` or `Mcp-Param-*` header stands for; `undefined` when its encoding is broken. */
export function decodeHeader(value: string): string | undefined {
  if (!value.startsWith("=?base64?") || !value.endsWith("?=")) return value;
  const encoded = SENTINEL.exec(value)?.[1];
  if (encoded === undefined || encoded.length % 4 !== 0) return undefined;
  try {
    const bytes = Uint8Array.from(atob(encoded), (one) => one.codePointAt(0) ?? 0);
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
