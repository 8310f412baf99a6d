/** What a person or a supervisor says to a running program. */

/** What the signals lead to. */
export interface SignalActions {
  /** For SIGHUP. Left out: the terminal has closed, which is a stop. */
  readonly reload?: () => void;
  /** A second signal: end at once. */
  readonly force: () => void;
}

/** Signals that are listened to, until disposed. */
export interface Signals extends Disposable {
  /** Fulfilled by the first signal that asks for the end, with its name. */
  readonly stop: Promise<NodeJS.Signals>;
}

// Under npm one Ctrl-C arrives twice, a millisecond apart: once from the terminal, once from npm.
const SAME_PRESS_MS = 1_000;

/** Listens to SIGINT, SIGTERM and SIGHUP. */
export function listenToSignals({ reload, force }: SignalActions): Signals {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let asked: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signal === "SIGHUP" && reload) {
      reload();
    } else if (asked === undefined) {
      asked = performance.now();
      resolve(signal);
    } else if (performance.now() - asked > SAME_PRESS_MS) force();
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const one of signals) process.on(one, onSignal);
  return {
    stop: promise,
    [Symbol.dispose]() {
      for (const one of signals) process.off(one, onSignal);
    },
  };
}
