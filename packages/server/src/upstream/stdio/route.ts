/** Where a child's line goes. Pure: stdio has no correlation beyond ids and progress tokens, so the rest is a rule. */
import type { ChildLine } from "./line.ts";

/**
 * `answer`: to the call with its id. `progress`: to the call with its token. `call`: to the newest call under way, else
 * the standing stream, else kept for it; clients need not open that stream, and a question kept from them hangs the call
 * that asked it. `stream`: to the standing stream, or kept for it.
 */
export type Destination = "answer" | "progress" | "call" | "stream";

const ABOUT_THE_SERVER: ReadonlySet<string> = new Set([
  "notifications/tools/list_changed",
  "notifications/prompts/list_changed",
  "notifications/resources/list_changed",
  "notifications/resources/updated",
]);

export function destinationOf(line: Pick<ChildLine, "kind" | "method">): Destination {
  if (line.kind === "response") return "answer";
  if (line.kind === "request") return "call";
  if (line.method === "notifications/progress") return "progress";
  return ABOUT_THE_SERVER.has(line.method) ? "stream" : "call";
}
