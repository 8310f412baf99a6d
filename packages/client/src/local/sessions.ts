/**
 * The sessions that apps hold with the client itself, because nobody was signed in when they came. As many as there may be,
 * for as long as they are used; without one, a request costs nothing here.
 */
import { isRefusal, type Duration, type HeaderMap, type Refusal } from "@smcp/core";

import type { Gateway } from "../gateway.ts";
import type { Sent } from "./conversation.ts";
import { Reception, type FirstMessage } from "./reception.ts";
import { LocalSession, sessionIn } from "./session.ts";

/** An app that was answered here, in a new session. */
interface Greeted {
  readonly session: LocalSession;
  readonly answer: string;
}

const MAX_SESSIONS = 256;
/** How long a session is kept that nobody uses: one that waits, and one that goes on at the server. */
const IDLE_WAITING: Duration = 3_600_000;
const IDLE_LIVE: Duration = 24 * 3_600_000;
const SWEEP: Duration = 60_000;

export class LocalSessions {
  readonly #gateway: Gateway;
  readonly #sessions = new Map<string, LocalSession>();
  readonly #reception: Reception;
  #watch: { readonly timer: NodeJS.Timeout; readonly stop: () => void } | undefined;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    this.#reception = new Reception(gateway);
  }

  /** The session that a request belongs to, where it is one of ours. */
  find(headers: HeaderMap): LocalSession | undefined {
    if (this.#sessions.size === 0) return undefined;
    const id = sessionIn(headers);
    return id === undefined ? undefined : this.#sessions.get(id);
  }

  /** Receives an app's first message. Never rejects. */
  async welcome(first: FirstMessage): Promise<"again" | Greeted | Refusal> {
    const welcome = await this.#reception.receive(first);
    if (welcome === "again" || isRefusal(welcome)) return welcome;
    return this.#makeRoom() ? { session: this.#open(first), answer: welcome.answer } : first.refusal;
  }

  /** Ends them all. */
  close(): void {
    for (const session of this.#sessions.values()) session.end();
    this.#sessions.clear();
    this.#rest();
  }

  #open({ message, path, headers }: Sent): LocalSession {
    const session = new LocalSession(this.#gateway, { message, path, headers }, ({ id }) => this.#forget(id));
    this.#sessions.set(session.id, session);
    this.#gateway.log.info({ path }, "nobody is signed in: an app is answered here until somebody is");
    this.#watch ??= {
      timer: setInterval(() => this.#sweep(), SWEEP).unref(),
      stop: this.#gateway.tokens.onSignedIn(() => this.#revive()),
    };
    return session;
  }

  #revive(): void {
    // Each tells by itself how it ended.
    for (const session of this.#sessions.values()) if (session.isWaiting) void session.revive();
  }

  /** The longest unused one goes where there are too many, unless its app listens. */
  #makeRoom(): boolean {
    if (this.#sessions.size < MAX_SESSIONS) return true;
    const idle = [...this.#sessions.values()].filter((one) => !one.isListenedTo);
    const oldest = idle.reduce<LocalSession | undefined>(
      (found, one) => (found && found.lastUse <= one.lastUse ? found : one),
      undefined,
    );
    if (!oldest) return false;
    this.#drop(oldest);
    return true;
  }

  #sweep(): void {
    const now = performance.now();
    for (const session of this.#sessions.values()) {
      const limit = session.isWaiting ? IDLE_WAITING : IDLE_LIVE;
      if (!session.isListenedTo && now - session.lastUse > limit) this.#drop(session);
    }
  }

  #drop(session: LocalSession): void {
    session.end();
    this.#forget(session.id);
  }

  #forget(id: string): void {
    this.#sessions.delete(id);
    if (this.#sessions.size === 0) this.#rest();
  }

  #rest(): void {
    clearInterval(this.#watch?.timer);
    this.#watch?.stop();
    this.#watch = undefined;
  }
}
