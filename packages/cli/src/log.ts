/**
 * The log of the program: pino behind core's port. Lines never wait for their reader: beyond a megabyte they are dropped
 * and counted. Text is made in the process, and its maker imported only then.
 */
import type { Log, LogFields } from "@smcp/core";
import { destination, pino, stdTimeFunctions } from "pino";

/** A log and its end. */
export interface OpenLog extends Log {
  /** Writes what is still held, for at most a second: the last thing to do. Never rejects. */
  close(): Promise<void>;
}

/** How the log is to be. */
export interface LogOptions {
  /** Unknown: `info`, with a warning. */
  readonly level: string;
  readonly format: "text" | "json";
  readonly colour: boolean;
  /** Default 2, standard error. */
  readonly fd?: number;
}

const LEVELS = ["debug", "info", "warn", "error"];
const MAX_HELD = 1 << 20;
/** A reader that is stuck does not keep the program from ending. */
const CLOSE_LIMIT_MS = 1_000;

/** Opens the log on standard error. */
export async function openLog(options: LogOptions): Promise<OpenLog> {
  const isKnown = LEVELS.includes(options.level);
  const out = destination({ fd: options.fd ?? 2, sync: false, maxLength: MAX_HELD });
  const isText = options.format === "text";
  const prettify = isText ? await textMaker(options.colour) : undefined;
  const stream = prettify ? { write: (line: string) => void out.write(prettify(line)) } : out;
  const logger = pino(
    {
      level: isKnown ? options.level : "info",
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  // A message can hold what a child or a peer wrote: nothing in it may steer a terminal or begin a line.
  const clean = (message: string): string => (isText ? message.replace(/\p{Cc}/gu, " ") : message);
  let isClosed = false;
  const write =
    (level: "debug" | "info" | "warn" | "error") =>
    (fields: LogFields, message: string): void => {
      // Once closed, the stream throws.
      if (!isClosed) logger[level](fields, clean(message));
    };
  const log: OpenLog = {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    isDebug: logger.isLevelEnabled("debug"),
    isInfo: logger.isLevelEnabled("info"),
    close() {
      isClosed = true;
      return close(out);
    },
  };
  countDrops(out, log);
  if (!isKnown)
    log.warn({}, `the log level "${options.level}" is not known: info is used (one of ${LEVELS.join(", ")})`);
  return log;
}

type Destination = ReturnType<typeof destination>;

function countDrops(out: Destination, log: Log): void {
  let dropped = 0;
  out.on("drop", () => {
    dropped += 1;
  });
  out.on("drain", () => {
    if (dropped === 0) return;
    const count = dropped;
    dropped = 0;
    log.warn({ dropped: count }, "log lines were dropped, as their reader was stuck");
  });
  // Whoever read the log has gone: the program goes on without it.
  out.on("error", () => undefined);
}

// Not flushSync: it overtakes the write that is under way.
async function close(out: Destination): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const limit = setTimeout(resolve, CLOSE_LIMIT_MS);
  out.once("close", resolve);
  out.once("error", () => resolve());
  try {
    out.end();
  } catch {
    // Closed already, as its reader has gone.
    resolve();
  }
  await promise;
  clearTimeout(limit);
}

async function textMaker(colorize: boolean): Promise<(line: string) => string> {
  const { prettyFactory } = await import("pino-pretty");
  return prettyFactory({ colorize, singleLine: true, translateTime: "SYS:HH:MM:ss.l", ignore: "pid,hostname" });
}
