import { describe, expect, it } from "vitest";

import { readHeaders, type HeaderMap } from "../../src/http/headers.ts";
import { isMeantModern, judgeEnvelope, judgeVersion } from "../../src/mcp/envelope.ts";
import { eraOf } from "../../src/mcp/era.ts";
import { readMessageText, type Message } from "../../src/mcp/message.ts";
import { isRefusal, toWire } from "../../src/refusal.ts";

const message = (value: object): Message => {
  const one = readMessageText(JSON.stringify({ jsonrpc: "2.0", ...value }));
  if (isRefusal(one)) throw new Error(one.refused);
  return one;
};
const VERSION = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
const request = (_meta?: object, method = "tools/list"): Message => message({ id: 1, method, params: { _meta } });
const headers = (version?: string): HeaderMap =>
  readHeaders(version === undefined ? [] : ["MCP-Protocol-Version", version]) as HeaderMap;

describe("a request is meant for the modern era", () => {
  it.each<[string, Message, string | undefined, boolean]>([
    ["where its envelope says so", request({ [VERSION]: "2026-07-28" }), undefined, true],
    ["where only its header says so", request(), "2026-07-28", true],
    ["where its envelope names any revision", request({ [VERSION]: "2025-11-25" }), "2025-11-25", true],
    ["unless nothing says so", request(), "2025-11-25", false],
    ["unless it has no header and no envelope", request(), undefined, false],
    ["unless it is a handshake", request(undefined, "initialize"), "2026-07-28", false],
    [
      "as a handshake with an envelope of that era",
      request({ [VERSION]: "2026-07-28" }, "initialize"),
      undefined,
      true,
    ],
    ["unless it is an answer", message({ id: 1, result: {} }), "2026-07-28", false],
  ])("%s", (_, one, version, expected) => {
    expect(isMeantModern(one, eraOf(one, headers(version)), headers(version))).toBe(expected);
  });
});

describe("an envelope", () => {
  const both = { [VERSION]: "2026-07-28", [CAPABILITIES]: {} };
  it.each<[string, object | undefined, string | undefined]>([
    ["with what is needed is good", both, undefined],
    ["that is missing", undefined, `"${VERSION}" must be a string`],
    ["without a version", { [CAPABILITIES]: {} }, `"${VERSION}" must be a string`],
    ["without capabilities", { [VERSION]: "2026-07-28" }, `"${CAPABILITIES}" must be an object`],
    ["with capabilities that are none", { ...both, [CAPABILITIES]: true }, `"${CAPABILITIES}" must be an object`],
  ])("%s", (_, meta, rule) => {
    expect(judgeEnvelope(request(meta))?.facts?.["rule"]).toBe(rule);
  });
});

it("a revision that is not spoken is refused with those that are", () => {
  expect(judgeVersion("2026-07-28", ["2026-07-28"])).toBeUndefined();
  const refusal = judgeVersion("2027-01-01", ["2026-07-28"]);
  expect(refusal && toWire(refusal, "r", "1")).toMatchObject({
    status: 400,
    body: '{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"unsupported protocol version","data":{"supported":["2026-07-28"],"requested":"2027-01-01","request_id":"r"}}}',
  });
  expect(judgeVersion(undefined, ["2026-07-28"])?.data).toEqual({ supported: ["2026-07-28"] });
});
