/**
 * The HTTP+SSE of 2024-11-05 through a server URL with a path of its own: the server names the place for messages as it
 * sees itself, an app sees it without that path.
 */
import { SseFilter } from "@smcp/core";

/** No endpoint is as long. */
const MAX_EVENT = 16_384;

/** Takes the server URL's path off the endpoint that a stream names, where it stands there. */
export function withoutPrefix(base: string): SseFilter {
  return new SseFilter({
    type: "endpoint",
    limit: MAX_EVENT,
    judge: ({ data }) => (data.startsWith(`${base}/`) ? { data: data.slice(base.length) } : "keep"),
  });
}
