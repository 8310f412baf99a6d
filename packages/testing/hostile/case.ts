/** What one hostile request is: the bytes, how its sender behaves, and every way to take it that is right. */

/** A program that is sent the corpus. */
export type Side = "server" | "client";

/** One row of the corpus. */
export interface HostileCase {
  readonly name: string;
  /**
   * Latin-1 text, byte for byte; each piece is a packet of its own. `{host}` stands for the listener's address, `{id}` for
   * the case's own name in a path, as long as that. A request that hides in another one goes to `{id}z`, which must never be reached.
   */
  readonly send: readonly string[];
  /**
   * Every right outcome, separated by `|`: the statuses that come back, in order, each with a `+` where that request reaches
   * the backend; `closed` where the connection ends without an answer; `left` where the sender did not wait for one.
   */
  readonly expect: string;
  /** What the sender does after the last byte. */
  readonly ends: Ending;
  /** True where the answer has no body whatever its headers say. */
  readonly isHead: boolean;
}

/** `stay`: waits for the end, and uses the connection once more where it may. `half`: says no more. `leave`: is gone. */
type Ending = "stay" | "half" | "leave";

/** Where a row differs from the plain case. */
interface Differences {
  /** What is right on the laptop, where that differs. */
  readonly client?: string;
  readonly ends?: Ending;
  readonly isHead?: boolean;
}

/** A row as it is written in a family: name, bytes, outcome. */
export type Row = readonly [name: string, send: string | readonly string[], expect: string, differences?: Differences];

/** Rows about one subject. The title names the rows of the threat model that they cover. */
export interface Family {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** The rows of a family as one program takes them: Node 24 and 26 differ in none. */
export function casesOf(family: Family, side: Side): HostileCase[] {
  return family.rows.map(([name, send, expect, differences = {}]) => {
    const { client = expect, ends = "stay", isHead = false } = differences;
    const pieces = typeof send === "string" ? [send] : send;
    return { name, send: pieces, expect: side === "client" ? client : expect, ends, isHead };
  });
}

/** A row for each of some values. */
export function rows<T>(values: readonly T[], row: (value: T) => Row): Row[] {
  return values.map((value) => row(value));
}
