/**
 * What serves now, and how the next takes its place: new requests meet the new configuration from one moment on, those
 * under way end as they began. Knows nothing of files and signals.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";

import type { ServerSettings } from "@smcp/config";
import { Failure, type Duration, type Log } from "@smcp/core";
import type { Reply } from "@smcp/edge";

import type { TokenValidator } from "./auth/validator.ts";
import { compose, type ComposeOptions, type Composition } from "./compose.ts";
import { Metrics } from "./record/metrics.ts";
import { isSame } from "./reload-same.ts";
import { Holdings, Visit } from "./reload-holdings.ts";

/** Answers one request. */
export type Handle = (incoming: IncomingMessage, outgoing: ServerResponse, reply: Reply) => void | Promise<void>;

/** Builds what answers requests. */
export type BuildHandle = (composition: Composition, metrics: Metrics) => Handle;

interface Serving {
  readonly composition: Composition;
  readonly handle: Handle;
  readonly visit: Visit;
}

/** How long new issuers may keep the old configuration in place while their keys are loaded. */
const KEYS_WAIT: Duration = 5_000;

export class Reloadable {
  readonly #build: BuildHandle;
  readonly #log: Log;
  readonly #options: ComposeOptions;
  readonly #metrics: Metrics;
  readonly #holdings = new Holdings();
  #serving: Serving;
  #pending: Promise<void> = Promise.resolve();
  #isClosed = false;

  private constructor(build: BuildHandle, log: Log, options: ComposeOptions, first: Composition) {
    this.#build = build;
    this.#log = log;
    this.#options = options;
    this.#metrics = new Metrics(options.version, {
      backends: () => this.settings.backends,
      keyAges: () => this.#serving.composition.validator?.ages() ?? new Map(),
      stdio: () => this.#serving.composition.bridges,
    });
    this.#serving = this.#serve(first);
  }

  static async open(
    settings: ServerSettings,
    log: Log,
    options: ComposeOptions,
    build: BuildHandle,
  ): Promise<Reloadable> {
    return new Reloadable(build, log, options, await compose(settings, log, options));
  }

  /** What new requests meet. */
  get settings(): ServerSettings {
    return this.#serving.composition.parts.settings;
  }

  /** Answers a request under the configuration of this moment. */
  handle(incoming: IncomingMessage, outgoing: ServerResponse, reply: Reply): void | Promise<void> {
    const { visit, handle } = this.#serving;
    visit.enter(reply);
    return handle(incoming, outgoing, reply);
  }

  /** One after the other: see `RunningServer.reload`. */
  reload(load: () => ServerSettings): Promise<void> {
    const reloading = this.#pending.then(() => this.#reload(load));
    this.#pending = reloading.catch(() => undefined);
    return reloading;
  }

  /** Closes everything. Requests must be over. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#pending;
    await this.#holdings.closeAll();
  }

  async #reload(load: () => ServerSettings): Promise<void> {
    try {
      if (this.#isClosed) return;
      const settings = load();
      refuseRestart(this.settings, settings);
      const before = this.#serving;
      const next = await compose(settings, this.#log, this.#options, before.composition);
      const serving = this.#serve(next);
      const { validator } = next;
      if (validator && validator !== before.composition.validator) await this.#keysOf(validator);
      this.#serving = serving;
      before.visit.replace();
      this.#metrics.reload("done");
    } catch (error) {
      this.#metrics.reload("refused");
      throw error;
    }
  }

  #serve(composition: Composition): Serving {
    const handle = this.#build(composition, this.#metrics);
    this.#holdings.hold(composition.held);
    return { composition, handle, visit: new Visit(() => this.#holdings.release(composition.held)) };
  }

  /** Swapped in at once, the issuers' callers would be turned away until the keys are there. */
  async #keysOf(validator: TokenValidator): Promise<void> {
    const until = performance.now() + KEYS_WAIT;
    while (validator.missingIssuers.length > 0 && performance.now() < until && !this.#isClosed) await wait(20);
  }
}

/** The listener stays open over a reload: what it was opened with cannot change. */
function refuseRestart({ server: old }: ServerSettings, { server: next }: ServerSettings): void {
  const hint = "restart smcp server to apply it; until then the whole configuration stays as it was";
  if (old.host !== next.host || old.port !== next.port) {
    const [from, to] = [old, next].map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
    throw new Failure(`the address cannot change from ${from} to ${to} while the server runs`, hint, 2);
  }
  const changed = [
    ...(old.readTimeout === next.readTimeout ? [] : ['"server.read_timeout"']),
    ...(old.writeTimeout === next.writeTimeout ? [] : ['"server.write_timeout"']),
    ...(isSame(old.tls, next.tls) ? [] : ['"tls"']),
  ];
  if (changed.length > 0) throw new Failure(`${changed.join(" and ")} cannot change while the server runs`, hint, 2);
}
