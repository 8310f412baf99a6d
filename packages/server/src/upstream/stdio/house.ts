import type { StdioBackend } from "@smcp/config";
import type { Log } from "@smcp/core";

import type { Nursery } from "./nursery.ts";
import type { Patience } from "./patience.ts";
import type { StdioTuning } from "./tuning.ts";

/** What both eras of one backend share. */
export interface House {
  readonly backend: StdioBackend;
  readonly tuning: StdioTuning;
  readonly patience: Patience;
  readonly log: Log;
  readonly nursery: Nursery;
}
