/** Where time comes from: a port, so that tests turn it by hand. */
export interface Clock {
  /** Milliseconds since 1970, as the wall clock says; may jump. */
  now(): number;
  /** Milliseconds on a clock that never goes back; only differences mean something. */
  elapsed(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
};
