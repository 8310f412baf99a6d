/** Bounds of the stdio bridge that no configuration changes; tests make them small. */
import { systemClock, type Bytes, type Clock, type Duration } from "@smcp/core";

export interface StdioTuning {
  readonly clock: Clock;
  /** A call unanswered for this long becomes an event stream, so that no proxy on the way takes it for dead. */
  readonly commitAfter: Duration;
  /** How long a cancelled call is still kept open: a server need not answer it. */
  readonly cancelGrace: Duration;
  /** A child that ends sooner than this without having answered anything counts as one that does not start. */
  readonly earlyDeath: Duration;
  /** How long each step of stopping a child waits. */
  readonly stopGrace: Duration;
  /** Longest line of a child. */
  readonly maxLine: Bytes;
  /** Most that waits for a child that does not read. */
  readonly maxInput: Bytes;
  /** Most calls at once in one child. */
  readonly maxCalls: number;
  /** Most standing streams of one session. */
  readonly maxStreams: number;
  /** What is kept for a standing stream while there is none. */
  readonly maxKept: { readonly messages: number; readonly bytes: Bytes };
  /** Most events that wait for one reader of a child that others read too. */
  readonly maxUnread: Bytes;
  /** How long a child may take to say which era it is of. */
  readonly probeLimit: Duration;
  /** How long it is believed what a child said of its era, or that it said nothing. */
  readonly verdictTtl: { readonly modern: Duration; readonly legacy: Duration; readonly silent: Duration };
  /** After so long a backend's tools are listed anew. */
  readonly toolsTtl: Duration;
  /** After so long they are listed anew before a call is refused for their sake. */
  readonly toolsDoubt: Duration;
  /** How long listing them may take. */
  readonly toolsLimit: Duration;
}

export const DEFAULT_TUNING: StdioTuning = {
  clock: systemClock,
  commitAfter: 10_000,
  cancelGrace: 5_000,
  earlyDeath: 5_000,
  stopGrace: 2_000,
  maxLine: 10 << 20,
  maxInput: 16 << 20,
  maxCalls: 1_024,
  maxStreams: 4,
  maxKept: { messages: 256, bytes: 4 << 20 },
  maxUnread: 4 << 20,
  // Programs that are fetched when they are first started take their time.
  probeLimit: 10_000,
  // A stale "legacy" would go unnoticed for ever: clients fall back and say nothing.
  verdictTtl: { modern: 3_600_000, legacy: 600_000, silent: 15_000 },
  toolsTtl: 60_000,
  toolsDoubt: 1_000,
  toolsLimit: 10_000,
};
