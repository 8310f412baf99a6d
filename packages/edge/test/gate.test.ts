import type { IncomingMessage } from "node:http";

import { isRefusal } from "@smcp/core";
import { describe, expect, it } from "vitest";

import { judgeFraming } from "../src/framing.ts";
import { openGate, type GateRules } from "../src/gate.ts";

const rules: GateRules = {
  exempt: new Set(["/health"]),
  isHostAllowed: ({ name, port }) => name === "localhost" && port === 8081,
  isOriginAllowed: (origin) => origin === "http://localhost:6274",
  refusesCrossSite: true,
  badHost: "HOST_INVALID",
};
const gate = openGate(rules);
const HOST = ["Host", "localhost:8081"];

function asked(headers: readonly string[], more: object = {}): IncomingMessage {
  const line = { method: "GET", url: "/docs", httpVersionMajor: 1, httpVersionMinor: 1 };
  return { ...line, rawHeaders: headers, ...more } as unknown as IncomingMessage;
}

const verdict = (headers: readonly string[], more?: object): string => {
  const admitted = gate(asked(headers, more));
  return isRefusal(admitted) ? admitted.refused : "admitted";
};

describe("the gate says what is wrong in the order of what is decided first", () => {
  it.each<[title: string, headers: string[], more: object, expected: string]>([
    ["nothing", HOST, {}, "admitted"],
    ["the target before all", [], { url: "/docs/../x", method: "PUT" }, "TARGET_INVALID"],
    ["a header that stands there twice", ["Accept", "a", ...HOST, "Cookie", "a", "cookie", "a"], {}, "HEADER_REPEATED"],
    ["two Hosts", [...HOST, ...HOST], {}, "HOST_INVALID"],
    ["two Hosts of a probe", [...HOST, ...HOST], { url: "/health" }, "HOST_INVALID"],
    ["no Host", [], { method: "PUT" }, "HOST_INVALID"],
    ["no Host of a probe", [], { url: "/health" }, "admitted"],
    ["a foreign Host", ["Host", "evil.example"], { method: "PUT" }, "HOST_FORBIDDEN"],
    ["a foreign Origin of a preflight", [...HOST, "Origin", "null"], { method: "OPTIONS" }, "ORIGIN_FORBIDDEN"],
    ["another site", [...HOST, "Sec-Fetch-Site", "same-site"], {}, "ORIGIN_FORBIDDEN"],
    [
      "a page that is allowed",
      [...HOST, "Origin", "http://localhost:6274", "Sec-Fetch-Site", "same-site"],
      {},
      "admitted",
    ],
    ["the method last", HOST, { method: "PUT" }, "METHOD_UNKNOWN"],
  ])("%s", (_, headers, more, expected) => {
    expect(verdict(headers, more)).toBe(expected);
  });
});

const coded = (...codings: string[]): string[] => codings.flatMap((one) => ["Transfer-Encoding", one]);

describe("a message that other readers would end elsewhere is malformed", () => {
  it.each<[title: string, headers: string[], more: object, isRefused: boolean]>([
    ["chunks", coded("chunked"), {}, false],
    ["chunks in another case", ["TRANSFER-ENCODING", "Chunked"], {}, false],
    ["a header of the same length", ["X-Transfer-Encodin", "gzip"], {}, false],
    ["a coding below the chunks", coded("gzip, chunked"), {}, true],
    ["a coding that is none, and chunks", coded("identity, chunked"), {}, true],
    ["an empty coding, and chunks", coded(", chunked"), {}, true],
    ["two headers, the first is right", coded("chunked", "identity"), {}, true],
    ["two headers, the last is right", coded("identity", "chunked"), {}, true],
    ["chunks in a version that has none", coded("chunked"), { httpVersionMinor: 0 }, true],
    ["an old version", [], { httpVersionMinor: 0 }, false],
    ["a version before all headers", [], { httpVersionMajor: 0, httpVersionMinor: 9 }, true],
    ["a version of another framing", [], { httpVersionMajor: 2, httpVersionMinor: 0 }, true],
  ])("%s", (_, headers, more, isRefused) => {
    expect(judgeFraming(asked(headers, more))?.refused).toBe(isRefused ? "REQUEST_MALFORMED" : undefined);
  });
});
