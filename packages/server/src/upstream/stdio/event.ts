/** A child's lines as server-sent events: each line is one event, its bytes unchanged. */
import type { Reply } from "@smcp/edge";

const BEFORE = Buffer.from("event: message\ndata: ");
const AFTER = Buffer.from("\n\n");
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/** Sends the head of an event stream now, so that nobody on the way takes the silence for a dead connection. */
export function startEvents(reply: Reply, headers: readonly string[] = []): void {
  reply.start(
    200,
    ["content-type", "text/event-stream", "cache-control", "no-cache", "x-accel-buffering", "no", ...headers],
    true,
  );
}

/** Writes one event, a line in one piece or several. False when the reader is slow, as {@link Reply.write}. */
export function writeEvent(reply: Reply, line: readonly Uint8Array[]): boolean {
  reply.write(BEFORE);
  for (const piece of line) reply.write(onOneDataLine(piece));
  return reply.write(AFTER);
}

/** Writes the last event. */
export function endWithEvent(reply: Reply, line: readonly Uint8Array[]): void {
  reply.write(BEFORE);
  for (const piece of line) reply.write(onOneDataLine(piece));
  reply.end(AFTER);
}

/** A CR between two tokens is nothing to JSON, but the end of a line to the reader of an event stream. */
function onOneDataLine(line: Uint8Array): Uint8Array {
  if (!line.includes(CARRIAGE_RETURN)) return line;
  return line.map((one) => (one === CARRIAGE_RETURN ? SPACE : one));
}
