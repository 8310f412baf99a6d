/** A request's journey, in travel order: the file to read first. */
import { Pipeline } from "@smcp/core";
import type { Ending, ReplyHead } from "@smcp/edge";

import { authenticate } from "../stages/authenticate.ts";
import { introduce } from "../stages/introduce.ts";
import { read } from "../stages/read.ts";
import { route } from "../stages/route.ts";
import { session } from "../stages/session.ts";
import { streams } from "../stages/streams.ts";
import type { Parts } from "../parts.ts";
import type { Arrival } from "./facts.ts";

/** Where each concern stands, and why there. */
export function journey(parts: Parts) {
  return (
    Pipeline.from<Arrival, ReplyHead, Ending>()
      // An unknown path is 404 without authentication: there is nothing to protect.
      .stage(route(parts.routes))
      // By headers alone, so that a stranger never makes us buffer a body.
      .stage(authenticate(parts.callers))
      // The one parse; what follows decides on it and sends the original bytes.
      .stage(read(parts.settings.server.maxBody))
      // By who asks and what: one stream too many is refused before the backend hears of it.
      .stage(streams(parts.settings.server.maxStreams, parts.openStreams))
      // After reading: which refusal a session id deserves depends on the era.
      .stage(session(parts.seal, parts.settings.auth.mode === "oidc"))
      // Last: what the backend learns of the caller is settled only when the call will be made.
      .stage(introduce(parts.settings))
  );
}

/** A journey that every stage let pass ends with everything known. */
export type Journey = ReturnType<typeof journey>;
