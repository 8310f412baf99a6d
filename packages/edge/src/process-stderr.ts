/** What a child writes to stderr, as lines for the log: bounded in length, number and cost, whatever the child does. */
import type { Readable } from "node:stream";
import { LineSplitter, type Duration } from "@smcp/core";

const LONGEST_LINE = 8 << 10;
const LINES_PER_WINDOW = 200;
const WINDOW: Duration = 10_000;
const NEWLINE = 0x0a;

/**
 * Reads the stream to its end, so that the child never waits for us, and passes on at most 200 lines in 10 s of at most
 * 8 KiB. What was left out is told as one line, `N bytes dropped`: bytes, since under a flood even counting lines would
 * cost a core.
 */
export function readStderr(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new TextDecoder();
  let budget = LINES_PER_WINDOW;
  let dropped = 0;
  let window: NodeJS.Timeout | undefined;
  // After a drop the next chunk starts somewhere inside a line.
  let isTorn = false;

  const closeWindow = (): void => {
    clearTimeout(window);
    window = undefined;
    budget = LINES_PER_WINDOW;
    if (dropped > 0) onLine(`${dropped} bytes dropped`);
    dropped = 0;
  };
  const spend = (): boolean => {
    window ??= setTimeout(closeWindow, WINDOW).unref();
    budget -= 1;
    return budget >= 0;
  };
  const splitter = (): LineSplitter =>
    new LineSplitter(LONGEST_LINE, (line) => {
      if (spend()) onLine(decoder.decode(line));
      else dropped += line.length + 1;
    });
  let lines = splitter();

  stream.on("data", (chunk: Buffer) => {
    let rest = chunk;
    if (budget > 0 && isTorn) {
      rest = chunk.subarray(chunk.indexOf(NEWLINE) + 1 || chunk.length);
      dropped += chunk.length - rest.length;
      isTorn = chunk.length > 0 && rest.length === 0;
      lines = splitter();
    }
    if (budget <= 0) {
      dropped += rest.length;
      isTorn = true;
    } else if (!lines.push(rest) && spend()) onLine("a line of more than 8KiB was dropped");
  });
  stream.on("error", () => undefined);
  stream.on("close", () => {
    if (!isTorn) lines.push(Buffer.of(NEWLINE));
    closeWindow();
  });
}
