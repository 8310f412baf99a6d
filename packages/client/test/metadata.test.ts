import { expect, test } from "vitest";

import { isResourceOf } from "../src/tokens/metadata.ts";

const CASES: readonly (readonly [string, string, boolean])[] = [
  ["https://mcp.example.com", "https://mcp.example.com/", true],
  ["https://mcp.example.com/", "https://mcp.example.com/team", true],
  ["https://mcp.example.com/team", "https://mcp.example.com/team", true],
  ["https://mcp.example.com/team/", "https://mcp.example.com/team", true],
  ["https://MCP.example.com:443", "https://mcp.example.com/", true],
  ["http://127.0.0.1:8080", "http://localhost:8080/", true],
  ["http://localhost:8080", "http://[::1]:8080/", true],
  ["https://mcp.example.com/te", "https://mcp.example.com/team", false],
  ["https://mcp.example.com/team", "https://mcp.example.com/", false],
  ["https://mcp.example.com.evil.example", "https://mcp.example.com/", false],
  ["https://evil.example", "https://mcp.example.com/", false],
  ["http://mcp.example.com", "https://mcp.example.com/", false],
  ["https://mcp.example.com:8443", "https://mcp.example.com/", false],
  ["http://localhost:8081", "http://localhost:8080/", false],
  ["http://localhost:8080", "http://mcp.example.com:8080/", false],
  ["urn:mcp", "https://mcp.example.com/", false],
  ["", "https://mcp.example.com/", false],
];

for (const [resource, server, expected] of CASES) {
  test(`"${resource}" ${expected ? "is" : "is not"} the resource of ${server}`, () => {
    expect(isResourceOf(resource, new URL(server))).toBe(expected);
  });
}
