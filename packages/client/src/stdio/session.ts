/** What Streamable HTTP keeps in headers and stdio does not have: the session, the revision, what a message is about. */
import { encodeHeader, eraOf, subjectOf, type Era, type Message } from "@smcp/core";
import type { UpstreamHeaders } from "@smcp/edge";

const ACCEPT = "application/json, text/event-stream";
const NO_HEADERS: ReadonlyMap<string, string> = new Map();

/** One app's session with the server; empty in the modern era, which has none. */
export class Session {
  #id: string | undefined;
  #version: string | undefined;
  /** The revision that the app's modern requests name: what its notifications do not say themselves. */
  #modern: string | undefined;

  /** True where there is a session to end. */
  get isOpen(): boolean {
    return this.#id !== undefined;
  }

  /** The era that a message belongs to: that of its envelope, or of the conversation. */
  eraOf(message: Message): Era {
    if (message.version !== undefined) return eraOf(message, NO_HEADERS);
    return this.#modern !== undefined && message.kind === "notification" ? "modern" : "legacy";
  }

  /** The headers of a POST that carries `message`, as a flat list. */
  postHeaders(message: Message): string[] {
    const headers = ["accept", ACCEPT, "content-type", "application/json", "accept-encoding", "identity"];
    if (this.eraOf(message) === "legacy")
      return [...headers, ...(message.method === "initialize" ? [] : this.#legacy())];
    const version = (this.#modern = message.version ?? this.#modern);
    if (version !== undefined) headers.push("mcp-protocol-version", encodeHeader(version));
    headers.push("mcp-method", encodeHeader(message.method));
    const named = subjectOf(message.method);
    const name = named && message[named];
    if (name !== undefined) headers.push("mcp-name", encodeHeader(name));
    return headers;
  }

  /** The headers of the GET that opens the stream, and of the DELETE that ends the session. */
  otherHeaders(accept: string, lastEventId?: string): string[] {
    const headers = ["accept", accept, "accept-encoding", "identity", ...this.#legacy()];
    if (lastEventId !== undefined && lastEventId !== "") headers.push("last-event-id", lastEventId);
    return headers;
  }

  /** Takes the session's id from the head of the answer to `initialize`. */
  begin(headers: UpstreamHeaders): void {
    const id = headers["mcp-session-id"];
    this.#id = typeof id === "string" ? id : undefined;
    this.#version = undefined;
  }

  /** Takes the revision from the answer to `initialize`. */
  agree(answer: string): void {
    try {
      const { result } = JSON.parse(answer) as { result?: { protocolVersion?: unknown } };
      const version = result?.protocolVersion;
      if (typeof version === "string" && encodeHeader(version) === version) this.#version = version;
    } catch {
      // Not an answer that says anything: the app judges it.
    }
  }

  #legacy(): string[] {
    return [
      ...(this.#id === undefined ? [] : ["mcp-session-id", this.#id]),
      ...(this.#version === undefined ? [] : ["mcp-protocol-version", this.#version]),
    ];
  }
}
