/** What a check of `smcp doctor` found. */
export interface Finding {
  /** What was looked at: `port`, `clock`. */
  readonly check: string;
  readonly result: "ok" | "warn" | "fail";
  /** One sentence. */
  readonly message: string;
  /** What to do about it; absent where all is well. */
  readonly hint?: string;
}

export function ok(check: string, message: string): Finding {
  return { check, result: "ok", message };
}

export function warn(check: string, message: string, hint: string): Finding {
  return { check, result: "warn", message, hint };
}

export function fail(check: string, message: string, hint: string): Finding {
  return { check, result: "fail", message, hint };
}
