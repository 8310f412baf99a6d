import * as fc from "fast-check";
import { expect, test } from "vitest";

import { findMember, idKey, readChildLine, textAt, type ChildLine } from "../src/upstream/stdio/line.ts";
import { destinationOf } from "../src/upstream/stdio/route.ts";

type Essence = Pick<ChildLine, "kind" | "id" | "method" | "isError">;

const read = (text: string): Essence | undefined => {
  const found = readChildLine(Buffer.from(text));
  return found && { kind: found.kind, id: found.id, method: found.method, isError: found.isError };
};
const line = (more: Partial<Essence>): Essence => ({
  kind: "response",
  id: undefined,
  method: "",
  isError: false,
  ...more,
});

test.each<[string, Essence]>([
  ['{"result":{},"jsonrpc":"2.0","id":0}', line({ id: 0 })],
  [' { "id" : "a" , "error" : { "code" : 1 } } ', line({ id: '"a"', isError: true })],
  ['{"id":null,"error":{"code":-32700}}', line({ isError: true })],
  ['{"result":"} \\" ]","id":1}', line({ id: 1 })],
  ['{"result":{"id":7,"a":[{"id":8}]},"id":1}', line({ id: 1 })],
  ['{"id":2,"result":{},"id":1}', line({ id: 1 })],
  ['{"\\u0069d":1,"result":null}', line({ id: 1 })],
  ['{"ib":1,"ids":2,"resulx":{},"methods":"a","paramz":1,"errors":3,"result":1,"id":4}', line({ id: 4 })],
  ['{"jsonrpc":"2.0","id":0,"method":"roots/list"}', line({ kind: "request", id: 0, method: "roots/list" })],
  ['{"method":"notifications/\\u006dessage"}', line({ kind: "notification", method: "notifications/message" })],
  ['{"params":{"a":1},"method":"other"}', line({ kind: "notification", method: "other" })],
  [
    '{"params":[1],"method":"notifications/progress"}',
    line({ kind: "notification", method: "notifications/progress" }),
  ],
])("%s is read", (text, expected) => {
  expect(read(text)).toEqual(expected);
});

test.each<[string, readonly string[], string | undefined]>([
  ['{"params":{"progressToken":"t","a":{"progressToken":2}},"method":"x"}', ["progressToken"], '"t"'],
  ['{"method":"x","params":{"progressToken":0}}', ["progressToken"], "0"],
  ['{"method":"x","params":{"progressToken":1,"progressToken": 2 }}', ["progressToken"], "2"],
  ['{"method":"x","params":{"pr\\u006fgressToken":"ä"}}', ["progressToken"], '"ä"'],
  ['{"method":"x","params":{"_meta":{"a/b":7}}}', ["_meta", "a/b"], "7"],
  ['{"result":{"x":[],"_meta":{"a/b":"7"}},"id":1}', ["_meta", "a/b"], '"7"'],
  ['{"error":{"code":-32601,"message":""},"id":1}', ["code"], "-32601"],
  ['{"method":"x","params":{"_meta":7}}', ["_meta", "a/b"], undefined],
  ['{"method":"x","params":{}}', ["progressToken"], undefined],
  ['{"method":"x","params":[1]}', ["progressToken"], undefined],
])("in %s the value of %j stands where it stands", (text, path, expected) => {
  const found = readChildLine(Buffer.from(text));
  const place = found && findMember(found.bytes, found.bodyStart, path);
  expect(found && place && textAt(found.bytes, place)).toBe(expected);
});

test.each([
  "",
  "Server listening on stdio",
  "{not json}",
  "{",
  "[]",
  '[{"id":1,"result":{}}]',
  "1",
  '"text"',
  "{}",
  '{"jsonrpc":"2.0"}',
  '{"id":1}',
  '{"result":{}}',
  '{"method":1}',
  '{"method":"a"} trailing',
  '{"method":"a",}',
  '{"method" "a"}',
  '{"result":{"a":[}],"id":1}',
  '{"result":{"a":(1)},"id":1}',
  '{"result":tru,"id":1}',
  '{"result":{},"id":01}',
  '{"result":{},"id":"\\x"}',
  '{"result":{},"id":"a',
  `{"result":"${"x".repeat(100)}`,
  `{"result":${"[".repeat(5_000)}${"]".repeat(5_000)},"id":1}`,
])("%s is not a message", (text) => {
  expect(read(text)).toBeUndefined();
});

test("whatever JSON stands in a result, the id beside it is found, before it or after it", () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.oneof(fc.string(), fc.maxSafeInteger()),
      fc.nat(4),
      fc.boolean(),
      (result, id, indent, isFirst) => {
        const text = JSON.stringify(isFirst ? { id, result } : { result, id }, null, indent);
        expect(read(text)).toEqual(line({ id: idKey(JSON.stringify(id)) }));
        const found = readChildLine(Buffer.from(text)) as ChildLine;
        expect(textAt(found.bytes, { start: found.idStart, end: found.idEnd })).toBe(JSON.stringify(id));
        expect(found.bytes.indexOf(JSON.stringify(result).slice(0, 1), found.bodyStart)).toBe(found.bodyStart);
        // Cut short anywhere, it is no message.
        expect(read(text.slice(0, -1))).toBeUndefined();
      },
    ),
  );
});

test("strings of any length and with any number of escapes are passed over", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("\\", '"', "x", "ä", "}", "\n"), { maxLength: 200 }), (parts) => {
      expect(read(JSON.stringify({ result: parts.join(""), id: 5 }))).toEqual(line({ id: 5 }));
    }),
  );
});

test("bytes that are not UTF-8 inside a result are the caller's to judge", () => {
  const bytes = Buffer.concat([Buffer.from('{"id":1,"result":"'), Buffer.from([0xff, 0xc0]), Buffer.from('"}')]);
  expect(readChildLine(bytes)).toMatchObject(line({ id: 1 }));
});

test.each<[string, number | string]>([
  ["1", 1],
  ["1.0", 1],
  ["1e2", 100],
  ["-0", 0],
  ["-1", -1],
  ["9007199254740993", "9007199254740993"],
  ["9007199254740992", "9007199254740992"],
  ["9007199254740991", 9_007_199_254_740_991],
  ["1e400", "1e400"],
  ["1.5", "1.5"],
  ['"1"', '"1"'],
  ['"\\u0061"', '"a"'],
  ['"\\/"', '"/"'],
])("the id %s is compared as %s", (raw, key) => {
  expect(idKey(raw)).toBe(key);
  expect(read(`{"id":${raw},"result":{}}`)?.id).toBe(key);
});

test.each([
  ["response", "", "answer"],
  ["request", "sampling/createMessage", "call"],
  ["request", "ping", "call"],
  ["notification", "notifications/message", "call"],
  ["notification", "notifications/cancelled", "call"],
  ["notification", "notifications/progress", "progress"],
  ["notification", "notifications/tools/list_changed", "stream"],
  ["notification", "notifications/prompts/list_changed", "stream"],
  ["notification", "notifications/resources/list_changed", "stream"],
  ["notification", "notifications/resources/updated", "stream"],
] as const)("a %s %s goes to: %s", (kind, method, destination) => {
  expect(destinationOf(line({ kind, method }))).toBe(destination);
});
