/** Ctrl-C and its kin, for a program that has to clean up: asked once, forced when asked again. */
import type { Duration } from "@smcp/core";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

// Under npm one Ctrl-C arrives twice, a millisecond apart: once from the terminal, once from npm.
const SAME_PRESS: Duration = 1_000;

/**
 * Calls `ask` at the first signal and `force` at one that comes more than a second later; until disposed.
 */
export function onStopSignals(ask: () => void, force: () => void): Disposable {
  let asked: number | undefined;
  const listener = (): void => {
    if (asked === undefined) {
      asked = performance.now();
      ask();
    } else if (performance.now() - asked > SAME_PRESS) force();
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  return {
    [Symbol.dispose]() {
      for (const signal of SIGNALS) process.off(signal, listener);
    },
  };
}
