import { describe, expect, it } from "vitest";

import { readMessage, readMessageText } from "../../src/mcp/message.ts";
import { isRefusal, publicMessage, toWire } from "../../src/refusal.ts";

const read = (text: string) => readMessageText(text);
const refusal = (text: string): string => {
  const answer = read(text);
  if (!isRefusal(answer)) throw new Error(`not refused: ${text}`);
  return `${answer.refused}: ${publicMessage(answer)}`;
};

describe("a message", () => {
  it("keeps the id as it was written", () => {
    for (const id of ["0", "1", "-1", "12345678901234567890", "1.0", "1e400", '"a\\u0062"', '""']) {
      expect(read(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`)).toMatchObject({ kind: "request", id });
    }
  });

  it("without an id is a notification", () => {
    const one = read('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}');
    expect(one).toMatchObject({ kind: "notification", id: undefined, cancels: "0" });
  });

  it("with a result or an error is a response", () => {
    expect(read('{"jsonrpc":"2.0","id":0,"result":{}}')).toMatchObject({ kind: "response", id: "0", method: "" });
    expect(read('{"jsonrpc":"2.0","error":{"code":1,"message":""}}')).toMatchObject({ kind: "response" });
  });

  it("tells what it is about, decoded", () => {
    const text =
      '{"jsonrpc":"2.0","id":1,"method":"tools\\/call","params":{"name":"a\\u0062","_meta":{"progressToken":7,"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}';
    expect(read(text)).toMatchObject({
      method: "tools/call",
      name: "ab",
      progressToken: "7",
      version: "2026-07-28",
      text,
    });
  });

  it("may put params before the method", () => {
    expect(read('{"params":{"name":"x"},"method":"tools/call","id":1,"jsonrpc":"2.0"}')).toMatchObject({ name: "x" });
  });
});

describe("a text that is not one message", () => {
  it.each([
    ["[]", "MESSAGE_INVALID: not one JSON-RPC 2.0 message: a batch is not accepted, send its messages one by one"],
    ['"x"', "MESSAGE_INVALID: not one JSON-RPC 2.0 message: it must be an object"],
    ["{}", 'MESSAGE_INVALID: not one JSON-RPC 2.0 message: "jsonrpc" must be "2.0"'],
    ['{"jsonrpc":"1.0","id":1,"method":"x"}', 'MESSAGE_INVALID: not one JSON-RPC 2.0 message: "jsonrpc" must be "2.0"'],
    [
      '{"jsonrpc":"2.0","id":null,"method":"x"}',
      'MESSAGE_INVALID: not one JSON-RPC 2.0 message: "id" must be a string or a number',
    ],
    ['{"jsonrpc":"2.0","id":1,"method":7}', 'MESSAGE_INVALID: not one JSON-RPC 2.0 message: "method" must be a string'],
    ['{"jsonrpc":"2.0","id":1}', 'MESSAGE_INVALID: not one JSON-RPC 2.0 message: "method" is missing'],
    [
      '{"jsonrpc":"2.0","id":1,"method":"x","result":{}}',
      'MESSAGE_INVALID: not one JSON-RPC 2.0 message: "method" stands beside "result" or "error"',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":{"a":1}}}',
      'MESSAGE_INVALID: not one JSON-RPC 2.0 message: "params.name" must be a string',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800"}}',
      'MESSAGE_INVALID: not one JSON-RPC 2.0 message: "params.name" must be a string',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"method":"x","params":1}',
      'MESSAGE_INVALID: not one JSON-RPC 2.0 message: "params" must be an object',
    ],
    ["{", "NOT_JSON: the body is not JSON"],
    ["\ufeff{}", "MESSAGE_AMBIGUOUS: the message can be read in two ways: the body begins with a byte order mark"],
    [
      '{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}',
      'MESSAGE_AMBIGUOUS: the message can be read in two ways: the member "id" stands twice in one object',
    ],
  ])("%s", (text, expected) => {
    expect(refusal(text)).toBe(expected);
  });

  it("that is not UTF-8 is ambiguous", () => {
    const body = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    expect(readMessage(body)).toMatchObject({ refused: "MESSAGE_AMBIGUOUS", facts: { rule: "the body is not UTF-8" } });
  });
});

describe("the answer to a refused message", () => {
  it("carries its id where it could be read", () => {
    const answer = read('{"jsonrpc":"2.0","id":9007199254740993,"method":7}');
    if (!isRefusal(answer)) throw new Error("not refused");
    expect(toWire(answer, "r-1")).toEqual({
      status: 400,
      headers: { "content-type": "application/json" },
      body: '{"jsonrpc":"2.0","id":9007199254740993,"error":{"code":-32600,"message":"not one JSON-RPC 2.0 message: \\"method\\" must be a string","data":{"request_id":"r-1"}}}',
    });
  });

  it("has no id member, rather than null, where it could not", () => {
    const answer = read("[]");
    if (!isRefusal(answer)) throw new Error("not refused");
    expect(JSON.parse(toWire(answer, "r-1").body)).not.toHaveProperty("id");
  });
});
