/** What the gateway itself says to children of the modern era. Every message has the whole envelope: a server may judge the
 * era of a child by the first one it reads. */

/** A request as one line. */
export function ownRequest(id: number, method: string, version: string, params: object = {}): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: envelope(version) } });
}

/** Tells a child that nobody waits for an answer any more. */
export function cancellation(requestId: number, version: string): string {
  const params = { requestId, reason: "the caller left", _meta: envelope(version) };
  return JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params });
}

/** Answers a question that a child of the modern era must not ask. `id` is raw JSON text. */
export function refusedQuestion(id: string): string {
  return `{"jsonrpc":"2.0","id":${id},"error":{"code":-32601,"message":"servers ask nothing in this era"}}`;
}

function envelope(version: string): object {
  return {
    "io.modelcontextprotocol/protocolVersion": version,
    "io.modelcontextprotocol/clientInfo": { name: "smcp", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
}
