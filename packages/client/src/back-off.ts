/** How long to wait after failures in a row: for token requests and for streams alike. */
import type { Duration } from "@smcp/core";

/** The pause after the n-th failure in a row, from 1 s to 30 s, randomly shortened to at least a quarter. */
export function backOff(failures: number, random: number): Duration {
  const longest = Math.min(1_000 * 2 ** (failures - 1), 30_000);
  return longest * (0.25 + 0.75 * random);
}
