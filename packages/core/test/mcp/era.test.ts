import { describe, expect, it } from "vitest";

import { readHeaders, type HeaderMap } from "../../src/http/headers.ts";
import { eraOf, verifyHeaders } from "../../src/mcp/era.ts";
import { readMessageText, type Message } from "../../src/mcp/message.ts";
import { isRefusal } from "../../src/refusal.ts";

const message = (value: object): Message => {
  const one = readMessageText(JSON.stringify({ jsonrpc: "2.0", ...value }));
  if (isRefusal(one)) throw new Error(one.refused);
  return one;
};
const headers = (...raw: string[]): HeaderMap => readHeaders(raw) as HeaderMap;
const modern = (name: string): Message =>
  message({
    id: 1,
    method: "tools/call",
    params: { name, _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } },
  });

describe("the era of a message", () => {
  it("is what its body says, whatever its header says", () => {
    expect(eraOf(modern("x"), headers("MCP-Protocol-Version", "2025-11-25"))).toBe("modern");
    expect(eraOf(message({ id: 1, method: "initialize" }), headers("MCP-Protocol-Version", "2026-07-28"))).toBe(
      "legacy",
    );
  });

  it("is the legacy one for an answer, which only sessions are sent", () => {
    const answer = message({
      id: 1,
      result: {},
      params: { _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } },
    });
    expect(eraOf(answer, headers("MCP-Protocol-Version", "2026-07-28"))).toBe("legacy");
  });

  it("is what the header says for a notification without an envelope", () => {
    const note = message({ method: "notifications/cancelled" });
    expect(eraOf(note, headers("mcp-protocol-version", "2026-07-28"))).toBe("modern");
    expect(eraOf(note, headers("mcp-protocol-version", "2025-06-18"))).toBe("legacy");
    expect(eraOf(note, headers())).toBe("legacy");
  });
});

describe("headers of a modern request", () => {
  const good = ["MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call"];
  it.each([
    ["agree", [...good, "Mcp-Name", "x"], undefined],
    ["agree through the encoding", [...good, "Mcp-Name", "=?base64?eA==?="], undefined],
    ["name another tool", [...good, "Mcp-Name", "y"], "Mcp-Name"],
    ["leave the name out", good, "Mcp-Name"],
    ["break the encoding", [...good, "Mcp-Name", "=?base64?e?="], "Mcp-Name"],
    [
      "name another method",
      ["MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/list", "Mcp-Name", "x"],
      "Mcp-Method",
    ],
    [
      "name another version",
      ["MCP-Protocol-Version", "2025-11-25", "Mcp-Method", "tools/call", "Mcp-Name", "x"],
      "MCP-Protocol-Version",
    ],
  ])("that %s", (_, raw, header) => {
    const verdict = verifyHeaders(modern("x"), "modern", headers(...raw));
    expect(verdict?.facts?.["header"]).toBe(header);
    if (header) expect(verdict).toMatchObject({ refused: "HEADER_MISMATCH", id: "1" });
  });
});

describe("headers of a legacy request", () => {
  const claims = (version: string): Message =>
    message({ id: 1, method: "x", params: { _meta: { "io.modelcontextprotocol/protocolVersion": version } } });
  it.each<[title: string, message: Message, version: string | undefined, refused: string | undefined]>([
    ["that name a revision of its era", message({ id: 1, method: "x" }), "2025-06-18", undefined],
    ["that name none", message({ id: 1, method: "x" }), undefined, undefined],
    ["that name the modern era", message({ id: 1, method: "x" }), "2026-07-28", "ENVELOPE_INVALID"],
    [
      "that name the modern era for a handshake",
      message({ id: 1, method: "initialize" }),
      "2026-07-28",
      "HEADER_MISMATCH",
    ],
    ["that name what its envelope names", claims("2025-06-18"), "2025-06-18", undefined],
    ["that name another one than its envelope", claims("2025-06-18"), "2025-11-25", "HEADER_MISMATCH"],
  ])("%s", (_, one, version, refused) => {
    const given = version === undefined ? headers() : headers("MCP-Protocol-Version", version);
    expect(verifyHeaders(one, "legacy", given)?.refused).toBe(refused);
  });
});
