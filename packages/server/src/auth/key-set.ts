/**
 * The signing keys of one issuer: fetched by us, so that jose never touches the network. Stale keys go on serving while the
 * issuer is away; an unknown key id asks again, but not more often than the cool-down lets it.
 */
import { createLocalJWKSet, type JSONWebKeySet, type JWK } from "jose";

import { describeError, type Clock, type Duration, type Log } from "@smcp/core";

/** Keys as jose takes them. */
export type KeyResolver = ReturnType<typeof createLocalJWKSet>;

export interface KeySetTimes {
  /** Between background refreshes, plus or minus a tenth. */
  readonly refresh: Duration;
  /** Between reloads that unknown key ids force; failures count. */
  readonly coolDown: Duration;
  /** How long keys serve without a successful load. */
  readonly maxStale: Duration;
  /** How long a key serves that the issuer no longer publishes. */
  readonly overlap: Duration;
  /** First pause after a failed load; doubles up to half a minute. */
  readonly retry: Duration;
}

export const DEFAULT_TIMES: KeySetTimes = {
  refresh: 600_000,
  coolDown: 10_000,
  maxStale: 86_400_000,
  overlap: 60_000,
  retry: 1_000,
};

const LONGEST_RETRY = 30_000;

export class KeySet {
  readonly #load: (signal: AbortSignal) => Promise<JSONWebKeySet>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #times: KeySetTimes;
  readonly #closing = new AbortController();
  #published: readonly JWK[] = [];
  #retired: { readonly key: JWK; readonly until: number }[] = [];
  #resolver: KeyResolver | undefined;
  #loadedAt = 0;
  #forcedAt = Number.NEGATIVE_INFINITY;
  #loading: Promise<boolean> | undefined;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param load fetches the key set; rejects when the issuer is away or answers nonsense */
  constructor(load: (signal: AbortSignal) => Promise<JSONWebKeySet>, clock: Clock, log: Log, times = DEFAULT_TIMES) {
    this.#load = load;
    this.#clock = clock;
    this.#log = log;
    this.#times = times;
  }

  /** Begins to load and to refresh; does not wait. */
  start(): void {
    void this.reload();
  }

  /** True once keys were loaded and are not too old. */
  get isUsable(): boolean {
    return this.#resolver !== undefined && this.age <= this.#times.maxStale;
  }

  /** Milliseconds since the last successful load; infinite before the first. */
  get age(): Duration {
    return this.#resolver ? this.#clock.elapsed() - this.#loadedAt : Number.POSITIVE_INFINITY;
  }

  /** The keys to verify with; `undefined` while there are none that may be used. */
  get resolver(): KeyResolver | undefined {
    if (!this.isUsable) return undefined;
    const now = this.#clock.elapsed();
    if (this.#retired.some((one) => one.until <= now)) this.#build(now);
    return this.#resolver;
  }

  /** True when a key with this id is known; a token without an id may be by any key. */
  knows(kid: string | undefined): boolean {
    if (kid === undefined) return this.#resolver !== undefined;
    return this.#published.some((key) => key.kid === kid) || this.#retired.some((one) => one.key.kid === kid);
  }

  /** Loads once more for an unknown key id, at most once per cool-down; callers at the same time share one load. */
  async ask(): Promise<void> {
    const now = this.#clock.elapsed();
    if (!this.#loading && now - this.#forcedAt < this.#times.coolDown) return;
    this.#forcedAt = now;
    await this.reload();
  }

  /** Loads now. Resolves to whether it succeeded; never rejects. */
  reload(): Promise<boolean> {
    this.#loading ??= this.#fetch().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  async #fetch(): Promise<boolean> {
    clearTimeout(this.#timer);
    try {
      const { keys } = await this.#load(this.#closing.signal);
      this.#swap(keys);
      this.#failures = 0;
    } catch (error) {
      this.#failures++;
      if (!this.#closing.signal.aborted) {
        this.#log.warn(
          { reason: describeError(error), failures: this.#failures },
          "the issuer's keys could not be loaded",
        );
      }
    }
    if (!this.#closing.signal.aborted) this.#timer = setTimeout(() => void this.reload(), this.#pause()).unref();
    return this.#failures === 0;
  }

  #swap(keys: readonly JWK[]): void {
    const now = this.#clock.elapsed();
    const isPublished = (key: JWK): boolean =>
      keys.some((one) => one.kid === key.kid && one.x === key.x && one.n === key.n);
    const until = now + this.#times.overlap;
    const leaving = this.#published.filter((key) => !isPublished(key)).map((key) => ({ key, until }));
    this.#retired = [...this.#retired.filter((one) => !isPublished(one.key)), ...leaving];
    this.#published = keys;
    this.#loadedAt = now;
    this.#build(now);
  }

  #build(now: number): void {
    this.#retired = this.#retired.filter((one) => one.until > now);
    this.#resolver = createLocalJWKSet({ keys: [...this.#published, ...this.#retired.map((one) => one.key)] });
  }

  #pause(): Duration {
    if (this.#failures > 0) return Math.min(this.#times.retry * 2 ** (this.#failures - 1), LONGEST_RETRY);
    return this.#times.refresh * (0.9 + Math.random() * 0.2);
  }
}
