import type { Log, LogFields } from "@smcp/core";

export interface CollectedLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: LogFields;
  readonly message: string;
}

/** A log that keeps its lines for a test to read. */
export function collectLog(): { log: Log; lines: CollectedLine[] } {
  const lines: CollectedLine[] = [];
  const at =
    (level: CollectedLine["level"]) =>
    (fields: LogFields, message: string): void => {
      lines.push({ level, fields, message });
    };
  const log = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    isDebug: true,
    isInfo: true,
  };
  return { log, lines };
}
