import { expect, it } from "vitest";

import { headerText, readHeaders } from "../../src/http/headers.ts";
import { isLoopbackName, parseHost } from "../../src/http/host.ts";

it.each([
  ["localhost:8081", { name: "localhost", port: 8081 }],
  ["Example.COM", { name: "example.com", port: undefined }],
  ["[::1]:80", { name: "[::1]", port: 80 }],
  ["127.0.0.1", { name: "127.0.0.1", port: undefined }],
])("reads the Host %s", (value, host) => {
  expect(parseHost(value)).toEqual(host);
});

it.each([
  "",
  "localhost.",
  "user@host",
  "a/b",
  "a b",
  "host:",
  "host:x",
  "host:99999",
  "[::1",
  "a,b",
  "-a",
  "a..b",
  "%41",
  "127.1",
  "0x7f.0.0.1",
  "2130706433",
  "999.1.1.1",
  "[:::]",
  "[::g]",
  "[1:2:3:4:5:6:7:8:9]",
])("refuses the Host %j", (value) => {
  expect(parseHost(value)).toBeUndefined();
});

it("knows this machine's own names", () => {
  expect(["localhost", "127.0.0.1", "127.8.9.1", "[::1]"].every(isLoopbackName)).toBe(true);
  expect(["localhost.evil.com", "128.0.0.1", "evil"].some(isLoopbackName)).toBe(false);
});

it("names a header that may stand there once and does not, and joins the others", () => {
  expect(readHeaders(["Authorization", "a", "authorization", "b"])).toBe("authorization");
  expect(readHeaders(["Mcp-Name", "a", "mcp-name", "a"])).toBe("mcp-name");
  expect(readHeaders(["X-GitHub-Token", "a", "x-github-token", "b"])).toBe("x-github-token");
  expect(readHeaders(["Transfer-Encoding", "chunked", "transfer-encoding", "identity"])).toBe("transfer-encoding");
  expect(readHeaders(["Accept", "a", "accept", "b"])).toEqual(new Map([["accept", "a, b"]]));
});

it("percent-encodes what is not visible ASCII", () => {
  expect(headerText("a b%é\n\ud800")).toBe("a%20b%25%C3%A9%0A%EF%BF%BD");
});
