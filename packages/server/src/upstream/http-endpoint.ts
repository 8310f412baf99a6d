/**
 * The HTTP+SSE of 2024-11-05: its stream begins with an event that says where messages go, and only that event is touched.
 */
import { SseFilter, type Bytes } from "@smcp/core";

import type { Endpoint } from "./upstream.ts";

/** No endpoint is as long; of other events this much waits for its end. */
const MAX_EVENT: Bytes = 4_096;

/**
 * Gives the caller's own endpoint in place of the backend's. One at another origin breaks the stream off: what the caller
 * sends would go where the configuration does not lead.
 *
 * @param at the URL that the stream came from
 */
export function endpointFilter(at: URL, endpoint: Endpoint): SseFilter {
  return new SseFilter({
    type: "endpoint",
    limit: MAX_EVENT,
    judge({ data }) {
      const named = URL.parse(data, at.href);
      if (!named) return { breaks: "its endpoint is no URL" };
      if (named.origin !== at.origin) return { breaks: `its endpoint is at another origin, "${named.origin}"` };
      return { data: endpoint.conceal(named.pathname + named.search) };
    },
  });
}
