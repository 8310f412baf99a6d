/**
 * What a child on stdio cannot offer, so that checks of it differ from those of the same server over HTTP, and why. Each is
 * `scenario/check`; one that makes no difference any more fails the tests.
 */
import type { SUITES } from "./tool.ts";

const NO_RESUMPTION = "a child has no events that could be sent again: smcp offers no resumption for it, as it may";
const NO_STREAM = "a call that says nothing before its answer is answered with JSON, so there is no stream to look at";

export const STDIO_LACKS: Readonly<Record<keyof typeof SUITES, Readonly<Record<string, string>>>> = {
  "0.1.16": {
    "server-sse-multiple-streams/server-sse-streams-functional": NO_STREAM,
    "server-sse-polling/server-sse-priming-event": NO_RESUMPTION,
    "server-sse-polling/server-sse-retry-field": NO_RESUMPTION,
  },
  "2025-11-25": {
    "server-sse-multiple-streams/server-sse-streams-functional": NO_STREAM,
    "server-sse-polling/server-sse-disconnect-resume": NO_RESUMPTION,
    "server-sse-polling/server-sse-priming-event": NO_RESUMPTION,
    "server-sse-polling/server-sse-retry-field": NO_RESUMPTION,
  },
  "2026-07-28": {},
};
