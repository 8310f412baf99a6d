/** The HTTP status of an error that a child of the modern era answers with, as a server over HTTP would have sent it. */
import { findMember, textAt, type ChildLine } from "./line.ts";

const BY_CODE: ReadonlyMap<string, number> = new Map([
  ["-32601", 404],
  ["-32600", 400],
  ["-32020", 400],
  ["-32021", 400],
  ["-32022", 400],
]);

/** 200 for everything that is an answer like any other. */
export function statusOf({ bytes, bodyStart }: ChildLine): number {
  const code = findMember(bytes, bodyStart, ["code"]);
  return code ? (BY_CODE.get(textAt(bytes, code)) ?? 200) : 200;
}
