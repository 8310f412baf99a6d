/**
 * Where the children of one backend are raised: started, counted, left alone for a while when they do not start, stopped.
 * Knows nothing of what is spoken with them.
 */
import { randomBytes } from "node:crypto";

import type { StdioBackend } from "@smcp/config";
import { describeError, Failure, refuse, type Log, type LogFields, type Refusal } from "@smcp/core";
import { startChild, type Child } from "@smcp/edge";

import { StartBackoff } from "./backoff.ts";
import type { StdioTuning } from "./tuning.ts";

/** What is to be done with a child. */
export interface Upbringing {
  /** Who it is for: one caller may not take all of them. `""` for nobody in particular. */
  readonly caller: string;
  /** False for one that is there for a moment only and counts for nobody. */
  readonly isCounted: boolean;
  /** False when nobody wants it any more. */
  isWanted(): boolean;
  /** Speaks with it until it is of no use any more. */
  live(child: Child, tag: string): Promise<EndOfUse>;
  /** There is no child, and there will be none. */
  onFailed(refusal: Refusal): void;
}

/** Why a child is of no use any more. */
export interface EndOfUse {
  /** For the log. */
  readonly reason: string;
  /** It ended, or could not be read any longer; nobody asked for it. */
  readonly byItself: boolean;
  /** It answered something before. */
  readonly hasServed: boolean;
}

const LOOK = "run the command by hand, or set the log level to debug: what it writes to stderr is then logged";
/** What a caller may hold in any case: its apps, each with a session. */
const LEAST_SHARE = 4;

/** How many children one caller may have: a quarter, and four in any case, but never all where there is more than one. */
function shareOf(maxChildren: number): number {
  return Math.max(1, Math.min(maxChildren - 1, Math.max(LEAST_SHARE, Math.floor(maxChildren / 4))));
}

export class Nursery {
  readonly #backend: StdioBackend;
  readonly #log: Log;
  readonly #env: Readonly<Record<string, string>>;
  readonly #tuning: StdioTuning;
  readonly #backoff: StartBackoff;
  /** From the wish to start one until nothing of it is left. */
  readonly #lives = new Set<Promise<void>>();
  readonly #ofCaller = new Map<string, number>();
  #counted = 0;
  #isClosed = false;

  constructor(backend: StdioBackend, log: Log, env: Readonly<Record<string, string>>, tuning: StdioTuning) {
    this.#backend = backend;
    this.#log = log;
    this.#env = env;
    this.#tuning = tuning;
    this.#backoff = new StartBackoff(tuning.clock);
  }

  /** Children that run, those being started or stopped included. */
  get size(): number {
    return this.#lives.size;
  }

  /** Raises a child. Refuses with BACKEND_FAILED or CHILDREN_EXHAUSTED, at once or by `onFailed`. */
  raise(upbringing: Upbringing): Refusal | undefined {
    if (this.#isClosed || this.#backoff.wait > 0) return this.failed();
    const refusal = upbringing.isCounted ? this.#judge(upbringing.caller) : undefined;
    if (refusal) return refusal;
    const { caller, isCounted } = upbringing;
    if (isCounted) this.#counted++;
    if (isCounted && caller !== "") this.#ofCaller.set(caller, this.#of(caller) + 1);
    const life = this.#live(upbringing)
      .catch((error: unknown) => {
        const stack = error instanceof Error ? error.stack : String(error);
        this.#log.error({ server: this.#backend.id, stack }, "a child met a bug in smcp");
        upbringing.onFailed(refuse("BUG"));
      })
      .finally(() => {
        this.#lives.delete(life);
        if (isCounted) this.#counted--;
      });
    this.#lives.add(life);
    return undefined;
  }

  /** Raises no more. Resolves when nothing of any child is left; whoever speaks with one is asked to stop before. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#lives.size > 0) await Promise.all(this.#lives);
  }

  /** True where a caller would get another child if one of its own were out of use. */
  isShareTaken(caller: string): boolean {
    const { maxChildren } = this.#backend;
    return this.#counted < maxChildren && this.#of(caller) >= shareOf(maxChildren);
  }

  /** Told when a child answered for the first time. */
  succeeded(): void {
    this.#backoff.succeeded();
  }

  failed(): Refusal {
    return refuse("BACKEND_FAILED", { server: this.#backend.id });
  }

  /** What names a child in the log. */
  fields(tag: string): LogFields {
    return { server: this.#backend.id, session: tag };
  }

  #judge(caller: string): Refusal | undefined {
    const { id: server, maxChildren } = this.#backend;
    const share = shareOf(maxChildren);
    const isAll = this.#counted >= maxChildren;
    if (!isAll && (caller === "" || this.#of(caller) < share)) return undefined;
    const reason = isAll ? `max_children is ${maxChildren}` : `this caller has ${share} of ${maxChildren} already`;
    this.#log.warn({ server, max_children: maxChildren, reason }, "no further child may be started");
    return refuse("CHILDREN_EXHAUSTED", { server }, { reason });
  }

  #of(caller: string): number {
    return this.#ofCaller.get(caller) ?? 0;
  }

  /** Its caller may have another from now on, though there is still something of it. */
  #isOutOfUse({ caller, isCounted }: Upbringing): void {
    if (!isCounted || caller === "") return;
    const left = this.#of(caller) - 1;
    if (left > 0) this.#ofCaller.set(caller, left);
    else this.#ofCaller.delete(caller);
  }

  /** The whole life of one child. */
  async #live(upbringing: Upbringing): Promise<void> {
    const tag = randomBytes(3).toString("hex");
    const startedAt = this.#tuning.clock.elapsed();
    const child = await this.#start(tag).catch((error: unknown) => {
      const { message, hint } = error instanceof Failure ? error : { message: describeError(error), hint: LOOK };
      this.#onStartFailed(startedAt, tag, { reason: message, hint });
    });
    if (!child || this.#isClosed || !upbringing.isWanted()) {
      this.#isOutOfUse(upbringing);
      upbringing.onFailed(this.failed());
      await child?.stop();
      return;
    }
    const fields = { ...this.fields(tag), pid: child.pid };
    this.#log.info(fields, "child started");
    const end = await upbringing.live(child, tag);
    this.#isOutOfUse(upbringing);
    if (end.byItself) this.#onDeath(end, tag, startedAt);
    await child.stop();
    const lived = Math.round(this.#tuning.clock.elapsed() - startedAt);
    this.#log.info({ ...fields, lived_ms: lived, reason: end.reason }, "child ended");
  }

  #onDeath({ reason, hasServed }: EndOfUse, tag: string, startedAt: number): void {
    const isEarly = this.#tuning.clock.elapsed() - startedAt < this.#tuning.earlyDeath;
    if (!hasServed && isEarly) this.#onStartFailed(startedAt, tag, { reason, hint: LOOK });
    else this.#log.warn({ ...this.fields(tag), reason }, "a child failed");
  }

  #start(tag: string): Promise<Child> {
    const { command, args, workingDir } = this.#backend;
    return startChild({
      command,
      args,
      env: this.#env,
      cwd: workingDir,
      grace: this.#tuning.stopGrace,
      onStderr: (line) => this.#log.debug({ ...this.fields(tag), line }, "child's stderr"),
    });
  }

  #onStartFailed(startedAt: number, tag: string, why: { readonly reason: string; readonly hint: string }): void {
    const step = this.#backoff.failed(startedAt);
    if (step === undefined) return;
    this.#log.error({ ...this.fields(tag), ...why, retry_after_ms: step }, "a stdio backend does not start");
  }
}
