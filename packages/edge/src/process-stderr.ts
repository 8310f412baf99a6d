/** What a child writes to stderr, as lines for the log: bounded in length and in number, whatever the child does. */
import type { Readable } from "node:stream";
import { LineSplitter, type Duration } from "@smcp/core";

const LONGEST_LINE = 8 << 10;
const LINES_PER_WINDOW = 200;
const WINDOW: Duration = 10_000;

/**
 * Reads the stream to its end, so that the child never waits for us, and passes on at most 200 lines in 10 s of at most
 * 8 KiB. What was left out is counted and told as one line, `N lines dropped`.
 */
export function readStderr(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new TextDecoder();
  let budget = LINES_PER_WINDOW;
  let dropped = 0;
  let window: NodeJS.Timeout | undefined;
  const closeWindow = (): void => {
    clearTimeout(window);
    window = undefined;
    budget = LINES_PER_WINDOW;
    if (dropped > 0) onLine(dropped === 1 ? "1 line dropped" : `${dropped} lines dropped`);
    dropped = 0;
  };
  const spend = (): boolean => {
    window ??= setTimeout(closeWindow, WINDOW).unref();
    budget -= 1;
    if (budget < 0) dropped += 1;
    return budget >= 0;
  };
  const lines = new LineSplitter(LONGEST_LINE, (line) => {
    if (spend()) onLine(decoder.decode(line));
  });
  stream.on("data", (chunk: Buffer) => {
    if (!lines.push(chunk) && spend()) onLine("a line of more than 8KiB was dropped");
  });
  stream.on("error", () => undefined);
  stream.on("close", () => {
    lines.push(Buffer.of(0x0a));
    closeWindow();
  });
}
