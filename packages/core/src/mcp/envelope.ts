/** The envelope of the modern era's requests, as a server judges it. Says nothing of headers beside it: see era.ts. */
import type { HeaderMap } from "../http/headers.ts";
import { refuse, type Refusal } from "../refusal.ts";
import { FIRST_MODERN_REVISION, type Era } from "./era.ts";
import type { Message } from "./message.ts";

const PREFIX = "io.modelcontextprotocol/";

/** True where the `MCP-Protocol-Version` header names a revision of the modern era. */
export function hasModernHeader(headers: HeaderMap): boolean {
  const version = headers.get("mcp-protocol-version");
  return version !== undefined && version >= FIRST_MODERN_REVISION;
}

/**
 * True for a request that a server of both eras treats as one of the modern era: its envelope says so, or names any
 * revision at all, or its header does and the envelope is missing. A handshake is what its envelope says.
 */
export function isMeantModern(message: Message, era: Era, headers: HeaderMap): boolean {
  if (era === "modern") return true;
  if (message.kind !== "request" || message.method === "initialize") return false;
  return message.version !== undefined || hasModernHeader(headers);
}

/** Refuses an envelope without what every request needs, with ENVELOPE_INVALID. */
export function judgeEnvelope({ version, capabilities }: Message): Refusal | undefined {
  if (version === undefined) return invalid("protocolVersion", "a string");
  return capabilities === "{" ? undefined : invalid("clientCapabilities", "an object");
}

/** Refuses a revision that is not among those that a server supports, with VERSION_UNSUPPORTED. */
export function judgeVersion(requested: string | undefined, supported: readonly string[]): Refusal | undefined {
  if (requested !== undefined && supported.includes(requested)) return undefined;
  return refuse("VERSION_UNSUPPORTED", undefined, {
    data: { supported, ...(requested !== undefined && { requested }) },
  });
}

function invalid(key: string, kind: string): Refusal {
  return refuse("ENVELOPE_INVALID", { rule: `"${PREFIX}${key}" must be ${kind}` });
}
