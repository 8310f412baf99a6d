/**
 * Which era a backend is of. Asked of a child that is thrown away afterwards: some servers end on any request before
 * `initialize`, others keep for ever to the era of the first one.
 */
import type { StdioBackend } from "@smcp/config";
import { FIRST_MODERN_REVISION, type Duration, type Refusal } from "@smcp/core";
import type { Child } from "@smcp/edge";

import { readChildLine, type ChildLine } from "./line.ts";
import type { Nursery } from "./nursery.ts";
import { ownRequest } from "./own-messages.ts";
import { ChildPipe } from "./pipe.ts";
import type { StdioTuning } from "./tuning.ts";

/** What a backend speaks: nothing of the modern era, or these revisions of it. */
export type Verdict = readonly string[] | "legacy";

/** Where a backend must be of the modern era but does not say which revisions it speaks. */
export const ASSUMED_REVISIONS: readonly string[] = [FIRST_MODERN_REVISION];

const PROBE_ID = 1;
/** Errors that only servers of the modern era know. */
const MODERN_ERRORS: ReadonlySet<unknown> = new Set([-32_020, -32_021, -32_022]);

export class EraProbe {
  readonly #backend: StdioBackend;
  readonly #tuning: StdioTuning;
  readonly #nursery: Nursery;
  #known: { readonly verdict: Verdict; readonly until: number } | undefined;
  #asking: Promise<Verdict | Refusal> | undefined;
  #stop: (() => void) | undefined;

  constructor(backend: StdioBackend, tuning: StdioTuning, nursery: Nursery) {
    this.#backend = backend;
    this.#tuning = tuning;
    this.#nursery = nursery;
  }

  /** What is known now, asked or configured. */
  get known(): Verdict | undefined {
    if (this.#backend.era === "legacy") return "legacy";
    return this.#known && this.#tuning.clock.elapsed() < this.#known.until ? this.#known.verdict : undefined;
  }

  /** Finds out; many at once are one child. Refuses with BACKEND_FAILED. */
  ask(): Promise<Verdict | Refusal> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  close(): void {
    this.#stop?.();
  }

  #ask(): Promise<Verdict | Refusal> {
    const { promise, resolve } = Promise.withResolvers<Verdict | Refusal>();
    const refusal = this.#nursery.raise({
      caller: "",
      isCounted: false,
      isWanted: () => true,
      onFailed: resolve,
      live: async (child) => {
        resolve(this.#note(await this.#converse(child)));
        return { reason: "it was asked for its era", byItself: false, hasServed: false };
      },
    });
    if (refusal) resolve(refusal);
    return promise;
  }

  #note(said: Verdict | "silent"): Verdict {
    const { clock, verdictTtl } = this.#tuning;
    const ttl = typeof said === "string" ? verdictTtl[said] : verdictTtl.modern;
    const isLegacy = typeof said === "string" && this.#backend.era !== "modern";
    const verdict = isLegacy ? "legacy" : typeof said === "string" ? ASSUMED_REVISIONS : said;
    this.#known = { verdict, until: clock.elapsed() + ttl };
    return verdict;
  }

  async #converse(child: Child): Promise<Verdict | "silent"> {
    const { promise, resolve } = Promise.withResolvers<Verdict | "silent">();
    const pipe = new ChildPipe(child, this.#tuning, {
      onLine: (line) => {
        const read = readChildLine(line);
        if (read?.kind === "response" && read.id === PROBE_ID) resolve(verdictOf(read));
      },
      // Before it said anything else: as servers do that want `initialize` first.
      onEnd: () => resolve("legacy"),
    });
    const limit: Duration = this.#tuning.probeLimit;
    const timer = setTimeout(() => resolve("silent"), limit).unref();
    this.#stop = () => resolve("silent");
    const question = ownRequest(PROBE_ID, "server/discover", FIRST_MODERN_REVISION);
    if (!pipe.send(question, question.length)) resolve("legacy");
    const said = await promise;
    clearTimeout(timer);
    this.#stop = undefined;
    pipe.close();
    return said;
  }
}

interface Answer {
  readonly result?: { readonly supportedVersions?: unknown } | null;
  readonly error?: { readonly code?: unknown; readonly data?: { readonly supported?: unknown } | null } | null;
}

function verdictOf({ bytes }: ChildLine): Verdict {
  let answer: Answer;
  try {
    answer = JSON.parse(bytes.toString()) as Answer;
  } catch {
    return "legacy";
  }
  const versions = modernOf(answer.result?.supportedVersions);
  if (versions.length > 0) return versions;
  if (!MODERN_ERRORS.has(answer.error?.code)) return "legacy";
  const supported = modernOf(answer.error?.data?.supported);
  return supported.length > 0 ? supported : ASSUMED_REVISIONS;
}

function modernOf(versions: unknown): string[] {
  if (!Array.isArray(versions)) return [];
  return versions.filter((one): one is string => typeof one === "string" && one >= FIRST_MODERN_REVISION);
}
