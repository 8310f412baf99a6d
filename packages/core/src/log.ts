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
  /** True when `info` lines are written. */
  readonly isInfo: boolean;
}

/** A log that keeps nothing. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  isDebug: false,
  isInfo: false,
};

/** What Node says after "unable to verify": advice on how to run Node, which is not the reader's to run. */
const NODE_ADVICE = /; if the root CA is installed locally.*$/s;

/**
 * The safe part of an unknown error for a log line: its code and message, and its cause's; no stack, no properties (errors
 * of HTTP clients carry URLs and headers).
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${withCode(error.cause.message, error.cause)}` : "";
  return withCode(`${error.message || error.name}${cause}`, error);
}

function withCode(message: string, error: Error): string {
  const { code } = error as { code?: unknown };
  const text = message.replace(NODE_ADVICE, "; its authority must be in the CA file");
  return typeof code === "string" && !text.includes(code) ? `${text} (${code})` : text;
}
