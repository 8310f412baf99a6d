import { describe, expect, it } from "vitest";

import { isBelow, parseTarget } from "../../src/http/target.ts";

describe("a target that only one reading fits is served", () => {
  it.each([
    ["/", "/", ""],
    ["/v1/memory", "/v1/memory", ""],
    ["/v1/memory/", "/v1/memory/", ""],
    ["/a-b_c.d~e/f?x=1&y=/../", "/a-b_c.d~e/f", "x=1&y=/../"],
    ["/caf%C3%A9/%20x", "/caf%C3%A9/%20x", ""],
    ["/a.b/..c/c..", "/a.b/..c/c..", ""],
    ["/a:b@c,d;e=f!$&'()*+", "/a:b@c,d;e=f!$&'()*+", ""],
    ["/x?q=[1]", "/x", "q=[1]"],
  ])("%s", (raw, path, query) => {
    expect(parseTarget(raw)).toEqual({ path, query });
  });
});

describe("a target that could be taken for another is not", () => {
  it.each([
    "",
    "*",
    "v1",
    "http://evil/v1",
    "//evil/v1",
    "/a//b",
    "/mcp/slack/../github",
    "/mcp/slack/./x",
    "/mcp/slack/..",
    "/mcp/slack/..;/x",
    "/mcp/slack/..%3b/x",
    "/mcp/slack/.%3B",
    "/mcp/slack/%2e%2e/x",
    "/mcp/slack/%2E%2e%2fx",
    "/mcp/slack/..%5cx",
    "/mcp/slack\\x",
    "/v1/memory%2fx",
    "/v1/memory%2Fx",
    "/mcp/%67ithub",
    "/mcp/%2567ithub",
    "/mcp/%u0067",
    "/mcp/%25u0067",
    "/mcp/%00",
    "/mcp/%0a",
    "/mcp/%7f",
    "/mcp/%ff",
    "/mcp/%c0%af",
    "/mcp/%e0%80%af",
    "/mcp/%",
    "/mcp/%4",
    "/a#b",
    "/a b",
    "/a?b#c",
    "/a?b\\c",
    "/a|b",
    '/a"b',
    "/a\u00e9",
  ])("%j", (raw) => {
    expect(parseTarget(raw)).toBeUndefined();
  });
});

it("takes a prefix on segment boundaries only", () => {
  expect(isBelow("/v1/memory", "/v1/memory")).toBe(true);
  expect(isBelow("/v1/memory", "/v1/memory/x")).toBe(true);
  expect(isBelow("/v1/memory", "/v1/memoryx")).toBe(false);
  expect(isBelow("/v1/memory", "/v1")).toBe(false);
  expect(isBelow("/", "/anything")).toBe(true);
});
