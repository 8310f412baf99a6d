/** Plain facts beside a message. Values are primitives or things that print themselves safely, never whole errors. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where operational messages go: a port, written by pino in the program. Calls never throw and never wait; under a
 * reader that is stuck, lines are dropped and counted, never buffered without end.
 */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** True when `debug` lines are written: ask before building expensive fields. */
  readonly isDebug: boolean;
}

/** A log that keeps nothing. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  isDebug: false,
};

/**
 * The safe part of an unknown error for a log line: its code and message, no stack, no properties (errors of HTTP
 * clients carry URLs and headers).
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  const text = `${error.message || error.name}${cause}`;
  return typeof code === "string" && !text.includes(code) ? `${text} (${code})` : text;
}
