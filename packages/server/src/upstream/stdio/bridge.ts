/**
 * A backend that is a program speaking MCP on its stdin and stdout: one child per session of the legacy era. It knows
 * sessions and children; what is said in a session is the session's own.
 */
import { randomBytes } from "node:crypto";

import type { StdioBackend } from "@smcp/config";
import { Failure, describeError, refuse, type Log, type LogFields, type Message, type Refusal } from "@smcp/core";
import { safeEnvironment, startChild, type Child, type Reply } from "@smcp/edge";

import { readAccept, type Accepts } from "./accept.ts";
import { StartBackoff } from "./backoff.ts";
import { StdioSession } from "./session.ts";
import { DEFAULT_TUNING, type StdioTuning } from "./tuning.ts";
import type { Outbound, Upstream } from "../upstream.ts";

/** The environment of a process, as `process.env` is typed. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A stdio backend, with what there is to count of it. */
export interface StdioUpstream extends Upstream {
  /** Sessions that are open. */
  readonly sessionCount: number;
  /** Children that run, those being started or stopped included. */
  readonly childCount: number;
}

/**
 * Bridges callers over HTTP to children of their own.
 *
 * Refuses with SESSION_MISSING (also every message of the modern era, without starting a child), SESSION_UNKNOWN,
 * SESSION_BUSY, NOT_ACCEPTABLE, CHILDREN_EXHAUSTED, BACKEND_FAILED and BACKEND_SLOW.
 *
 * @param env the environment of this process: what of it a child may see is chosen here
 */
export function stdioUpstream(
  backend: StdioBackend,
  log: Log,
  env: Environment,
  tuning: Partial<StdioTuning> = {},
): StdioUpstream {
  return new StdioBridge(backend, log, env, { ...DEFAULT_TUNING, ...tuning });
}

/** 192 bits. */
const SESSION_ID_BYTES = 24;

const LOOK = "run the command by hand, or set the log level to debug: what it writes to stderr is then logged";

class StdioBridge implements StdioUpstream {
  readonly #backend: StdioBackend;
  readonly #log: Log;
  readonly #env: Readonly<Record<string, string>>;
  readonly #tuning: StdioTuning;
  readonly #backoff: StartBackoff;
  readonly #sessions = new Map<string, StdioSession>();
  /** From the wish to start one until nothing of it is left. */
  readonly #children = new Set<Promise<void>>();
  #isClosed = false;

  constructor(backend: StdioBackend, log: Log, env: Environment, tuning: StdioTuning) {
    this.#backend = backend;
    this.#log = log;
    this.#env = { ...safeEnvironment(env), ...Object.fromEntries(backend.env) };
    this.#tuning = tuning;
    this.#backoff = new StartBackoff(tuning.clock);
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  get childCount(): number {
    return this.#children.size;
  }

  send(outbound: Outbound, reply: Reply): void {
    const refusal =
      outbound.method === "POST"
        ? this.#post(outbound, reply)
        : this.#withSession(outbound, (session) => this.#getOrDelete(outbound, reply, session));
    if (!refusal) return;
    const { message } = outbound;
    // The id of a response is the child's, not the caller's.
    reply.refuse(refusal, message?.kind === "request" ? message.id : undefined);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const session of this.#sessions.values()) session.end("smcp stops");
    while (this.#children.size > 0) await Promise.all(this.#children);
  }

  #post(outbound: Outbound, reply: Reply): Refusal | undefined {
    const { message, era } = outbound;
    // What a server of the legacy era says to a modern client: it is how such a client learns the era.
    if (!message || era === "modern") return refuse("SESSION_MISSING");
    if (message.kind !== "request") {
      return this.#withSession(outbound, (session) => session.tell(message, reply));
    }
    const accepts = readAccept(outbound.headers.get("accept"));
    if (!accepts.json && !accepts.events) return refuse("NOT_ACCEPTABLE");
    // An id that comes with it is ignored: ours are never chosen by others.
    if (message.method === "initialize") return this.#open(message, accepts, reply);
    return this.#withSession(outbound, (session) => session.call(message, accepts, reply));
  }

  #getOrDelete(outbound: Outbound, reply: Reply, session: StdioSession): Refusal | undefined {
    if (outbound.method === "GET") {
      if (!readAccept(outbound.headers.get("accept")).events) return refuse("NOT_ACCEPTABLE");
      session.listen(reply);
      return undefined;
    }
    session.end("its caller ended it");
    reply.send(200, [], new Uint8Array(0));
    return undefined;
  }

  #withSession(
    { sessionId }: Outbound,
    use: (session: StdioSession) => Refusal | undefined | void,
  ): Refusal | undefined {
    if (sessionId === undefined) return refuse("SESSION_MISSING");
    const session = this.#sessions.get(sessionId);
    if (!session) return refuse("SESSION_UNKNOWN");
    return use(session) ?? undefined;
  }

  #open(message: Message, accepts: Accepts, reply: Reply): Refusal | undefined {
    if (this.#isClosed || this.#backoff.wait > 0) return this.#failed();
    const { maxChildren } = this.#backend;
    if (this.#children.size >= maxChildren) {
      this.#log.warn({ server: this.#backend.id, max_children: maxChildren }, "no further child may be started");
      return refuse("CHILDREN_EXHAUSTED", { server: this.#backend.id }, { reason: `max_children is ${maxChildren}` });
    }
    const life = this.#live(message, accepts, reply)
      .catch((error: unknown) => {
        const stack = error instanceof Error ? error.stack : String(error);
        this.#log.error({ server: this.#backend.id, stack }, "a child met a bug in smcp");
        reply.refuse(refuse("BUG"), message.id);
      })
      .finally(() => this.#children.delete(life));
    this.#children.add(life);
    return undefined;
  }

  /** The whole life of one child. */
  async #live(message: Message, accepts: Accepts, reply: Reply): Promise<void> {
    const tag = randomBytes(3).toString("hex");
    const startedAt = this.#tuning.clock.elapsed();
    const child = await this.#start(tag).catch((error: unknown) => {
      const { message, hint } = error instanceof Failure ? error : { message: describeError(error), hint: LOOK };
      this.#onStartFailed(startedAt, tag, { reason: message, hint });
    });
    if (!child) {
      reply.refuse(this.#failed(), message.id);
      return;
    }
    if (this.#isClosed || reply.isClosed) {
      reply.refuse(this.#failed(), message.id);
      await child.stop();
      return;
    }
    this.#log.info({ ...this.#fields(tag), pid: child.pid }, "child started");
    const reason = await this.#converse(child, { tag, startedAt }, (session, headers) =>
      session.open(message, accepts, reply, headers),
    );
    await child.stop();
    const lived = Math.round(this.#tuning.clock.elapsed() - startedAt);
    this.#log.info({ ...this.#fields(tag), pid: child.pid, lived_ms: lived, reason }, "child ended");
  }

  #start(tag: string): Promise<Child> {
    const { command, args, workingDir } = this.#backend;
    return startChild({
      command,
      args,
      env: this.#env,
      cwd: workingDir,
      grace: this.#tuning.stopGrace,
      onStderr: (line) => this.#log.debug({ ...this.#fields(tag), line }, "child's stderr"),
    });
  }

  /** Resolves with the reason when the session is over. */
  #converse(
    child: Child,
    { tag, startedAt }: { readonly tag: string; readonly startedAt: number },
    begin: (session: StdioSession, headers: readonly string[]) => void,
  ): Promise<string> {
    const id = randomBytes(SESSION_ID_BYTES).toString("base64url");
    return new Promise((resolve) => {
      let isOpened = false;
      const session = new StdioSession({
        backend: this.#backend,
        tuning: this.#tuning,
        log: this.#log,
        tag,
        child,
        onOpened: () => {
          isOpened = true;
          this.#backoff.succeeded();
        },
        onEnded: ({ reason, byItself }) => {
          this.#sessions.delete(id);
          const isEarly = this.#tuning.clock.elapsed() - startedAt < this.#tuning.earlyDeath;
          if (byItself && !isOpened && isEarly) {
            this.#onStartFailed(startedAt, tag, { reason, hint: LOOK });
          } else if (byItself) this.#log.warn({ ...this.#fields(tag), reason }, "a child failed");
          resolve(reason);
        },
      });
      this.#sessions.set(id, session);
      begin(session, ["mcp-session-id", id]);
    });
  }

  #onStartFailed(startedAt: number, tag: string, why: { readonly reason: string; readonly hint: string }): void {
    const step = this.#backoff.failed(startedAt);
    if (step === undefined) return;
    this.#log.error({ ...this.#fields(tag), ...why, retry_after_ms: step }, "a stdio backend does not start");
  }

  #failed(): Refusal {
    return refuse("BACKEND_FAILED", { server: this.#backend.id });
  }

  #fields(tag: string): LogFields {
    return { server: this.#backend.id, session: tag };
  }
}
