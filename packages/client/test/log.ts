/** A log that keeps its lines, as JSON the way the program writes them. */
import type { Log, LogFields } from "@smcp/core";

export interface KeptLog extends Log {
  readonly lines: string[];
}

export function keepLog(): KeptLog {
  const lines: string[] = [];
  const write =
    (level: string) =>
    (fields: LogFields, message: string): void => {
      lines.push(JSON.stringify({ level, ...fields, message }));
    };
  return {
    lines,
    isDebug: true,
    isInfo: true,
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
  };
}
