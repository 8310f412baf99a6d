import { isRefusal, readMessageText, type Message } from "@smcp/core";
import * as fc from "fast-check";
import { expect, test } from "vitest";

import { CallTable } from "../src/upstream/stdio/calls.ts";
import { readChildLine, type ChildLine, type IdKey } from "../src/upstream/stdio/line.ts";
import { replaced, withOwnId } from "../src/upstream/stdio/splice.ts";

const OWN = 4_711;
const messageOf = (text: string): Message => {
  const message = readMessageText(text);
  if (isRefusal(message)) throw new Error(`${message.refused}: ${text}`);
  return message;
};
const id = fc.oneof(fc.string(), fc.integer(), fc.maxSafeInteger());

test("whatever a request holds and wherever its ids stand, they alone change, and back again", () => {
  const params = fc.record({ name: fc.string(), arguments: fc.jsonValue() });
  fc.assert(
    fc.property(id, fc.option(id), params, fc.nat(3), fc.boolean(), (id, token, params, indent, isIdFirst) => {
      const _meta = { a: 1, ...(token !== null && { progressToken: token }), "x/id": { id: 7 } };
      const rest = { method: "x/y", params: { ...params, _meta } };
      const whole = isIdFirst ? { id, ...rest, jsonrpc: "2.0" } : { jsonrpc: "2.0", ...rest, id };
      const text = JSON.stringify(whole, null, indent);
      const sent = withOwnId(messageOf(text), OWN);
      const meta = token === null ? _meta : { ..._meta, progressToken: OWN };
      expect(sent).toBe(JSON.stringify({ ...whole, id: OWN, params: { ...params, _meta: meta } }, null, indent));
    }),
  );
});

test.each([
  ["null", '{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"progressToken":null}}}'],
  ["an object", '{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"progressToken":{"id":1}}}}'],
])("a token that is %s is no token, and goes on as it is", (_, text) => {
  expect(withOwnId(messageOf(text), OWN)).toBe(text.replace('"id":1,', `"id":${OWN},`));
});

test("an answer gets its caller's id, in one piece or, where it is large, without being copied", () => {
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), fc.boolean(), fc.boolean(), (id, result, isFirst, isLarge) => {
      const body = isLarge ? { result, more: "x".repeat(20_000) } : { result };
      const line = Buffer.from(JSON.stringify(isFirst ? { id: OWN, ...body } : { ...body, id: OWN }));
      const { bytes, idStart, idEnd } = readChildLine(line) as ChildLine;
      const pieces = replaced(bytes, [{ start: idStart, end: idEnd }], JSON.stringify(id));
      expect(pieces).toHaveLength(isLarge ? 3 : 1);
      expect(Buffer.concat(pieces).toString()).toBe(JSON.stringify(isFirst ? { id, ...body } : { ...body, id }));
    }),
  );
});

test("calls are found by their ids, whatever the ids and however many", () => {
  const key = fc.oneof(
    fc.integer(),
    fc.nat(300),
    fc.string().map((text) => JSON.stringify(text)),
  );
  const step = fc.record({ key, isAdded: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const table = new CallTable<{ readonly key: IdKey }>();
      const model = new Map<IdKey, { readonly key: IdKey }>();
      for (const { key, isAdded } of steps) {
        const before = model.get(key);
        expect(table.get(key)).toBe(before);
        if (isAdded && !before) {
          const one = { key };
          table.add(one);
          model.set(key, one);
        } else if (!isAdded && before) {
          expect([table.delete(before), table.delete(before)]).toEqual([true, false]);
          model.delete(key);
        }
        expect(table.size).toBe(model.size);
      }
      expect(new Set(table.values())).toEqual(new Set(model.values()));
      table.clear();
      expect([table.size, table.values()]).toEqual([0, []]);
    }),
  );
});
