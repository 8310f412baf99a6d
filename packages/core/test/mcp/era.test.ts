import { describe, expect, it } from "vitest";

import { readHeaders, type HeaderMap } from "../../src/http/headers.ts";
import { decodeHeader, eraOf, verifyHeaders } from "../../src/mcp/era.ts";
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
    const verdict = verifyHeaders(modern("x"), headers(...raw));
    expect(verdict?.facts?.["header"]).toBe(header);
    if (header) expect(verdict).toMatchObject({ refused: "HEADER_MISMATCH", id: "1" });
  });
});

it("decodes the sentinel exactly, and takes everything else literally", () => {
  expect(decodeHeader("=?base64?w6k=?=")).toBe("é");
  expect(decodeHeader("=?BASE64?w6k=?=")).toBe("=?BASE64?w6k=?=");
  expect(decodeHeader("=?base64?w6k?=")).toBeUndefined();
  expect(decodeHeader("=?base64?/w==?=")).toBeUndefined();
  expect(decodeHeader("plain")).toBe("plain");
});
