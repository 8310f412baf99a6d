/** Bounds of the stdio bridge that no configuration changes; tests make them small. */
import { systemClock, type Bytes, type Clock, type Duration } from "@smcp/core";

export interface StdioTuning {
  readonly clock: Clock;
  /** A call unanswered for this long becomes an event stream, so that no proxy on the way takes it for dead. */
  readonly commitAfter: Duration;
  /** How long a cancelled call is still kept open: a server need not answer it. */
  readonly cancelGrace: Duration;
  /** A child that ends sooner than this without having answered `initialize` counts as one that does not start. */
  readonly earlyDeath: Duration;
  /** How long each step of stopping a child waits. */
  readonly stopGrace: Duration;
  /** Longest line of a child. */
  readonly maxLine: Bytes;
  /** Most that waits for a child that does not read. */
  readonly maxInput: Bytes;
  /** Most calls at once in one session. */
  readonly maxCalls: number;
  /** Most standing streams of one session. */
  readonly maxStreams: number;
  /** What is kept for a standing stream while there is none. */
  readonly maxKept: { readonly messages: number; readonly bytes: Bytes };
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
};
