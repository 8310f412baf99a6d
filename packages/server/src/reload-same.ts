/** Whether two settings say the same: what did not change is kept over a reload. Knows values, no keys. */
import { Secret } from "@smcp/core";

/** True for values that are equal all the way down; secrets are compared by their text. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Secret) return a.reveal() === (b as Secret).reveal();
  if (a instanceof URL) return a.href === (b as URL).href;
  if (a instanceof Map) return isSame([...a], [...(b as Map<unknown, unknown>)]);
  return isPlain(a) && isSameByKey(a, b);
}

/** What else there is cannot be looked into, and counts as changed. */
function isPlain(value: object): boolean {
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === Object.prototype || proto === Array.prototype || proto === null;
}

function isSameByKey(a: object, b: object): boolean {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && isSame(memberOf(a, key), memberOf(b, key)));
}

function memberOf(value: object, key: string): unknown {
  return (value as Readonly<Record<string, unknown>>)[key];
}
