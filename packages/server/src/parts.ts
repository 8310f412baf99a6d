import type { ServerSettings } from "@smcp/config";

import type { Callers } from "./auth/callers.ts";
import type { ProofJudge } from "./auth/dpop.ts";
import type { RouteTable } from "./routes.ts";
import type { Seal } from "./seal.ts";
import type { OpenStreams } from "./stages/streams.ts";

/** What a journey is built from: compiled once from the settings, never changed. */
export interface Parts {
  readonly settings: ServerSettings;
  readonly routes: RouteTable;
  readonly callers: Callers;
  readonly proofs: ProofJudge;
  /** Absent where nobody is asked who they are and no backend needs it. */
  readonly seal: Seal | undefined;
  readonly openStreams: OpenStreams;
}
