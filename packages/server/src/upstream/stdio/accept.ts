/** What a caller can read: plain JSON, an event stream, or both. */

export interface Accepts {
  readonly json: boolean;
  readonly events: boolean;
}

const BOTH: Accepts = { json: true, events: true };

/** Reads an `Accept` value. None at all, like a wildcard, means both; `q=0` marks what the caller does not want. */
export function readAccept(value: string | undefined): Accepts {
  if (value === undefined || value === "application/json, text/event-stream") return BOTH;
  const wanted = value.split(",").filter(isWanted).map(typeOf);
  const has = (...types: string[]): boolean => wanted.some((one) => types.includes(one));
  return {
    json: has("application/json", "application/*", "*/*"),
    events: has("text/event-stream", "text/*", "*/*"),
  };
}

function typeOf(range: string): string {
  return (range.split(";", 1)[0] ?? "").trim().toLowerCase();
}

function isWanted(range: string): boolean {
  return !/;\s*q\s*=\s*0(?:\.0*)?\s*(?:;|$)/i.test(range);
}
