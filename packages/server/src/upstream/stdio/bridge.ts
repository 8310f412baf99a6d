/**
 * A backend that is a program speaking MCP on its stdin and stdout. Decides which era a request is of and hands it to the
 * sessions of the one or the children of the other; a backend of both eras has children for each.
 */
import type { StdioBackend } from "@smcp/config";
import {
  hasModernHeader,
  isMeantModern,
  isRefusal,
  judgeEnvelope,
  judgeVersion,
  refuse,
  type Log,
  type Message,
  type Refusal,
} from "@smcp/core";
import { safeEnvironment, type Reply } from "@smcp/edge";

import type { Outbound, Upstream } from "../upstream.ts";
import { readAccept } from "./accept.ts";
import type { House } from "./house.ts";
import { LegacySessions } from "./legacy.ts";
import { ModernChildren } from "./modern.ts";
import { Nursery } from "./nursery.ts";
import { Patience } from "./patience.ts";
import { ASSUMED_REVISIONS, EraProbe, type Verdict } from "./probe.ts";
import { DEFAULT_TUNING, type StdioTuning } from "./tuning.ts";

/** The environment of a process, as `process.env` is typed. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A stdio backend, with what there is to count of it. */
export interface StdioUpstream extends Upstream {
  /** Sessions of the legacy era that are open. */
  readonly sessionCount: number;
  /** Children that run, those being started or stopped included. */
  readonly childCount: number;
}

/**
 * Bridges callers over HTTP to children.
 *
 * Refuses with NOT_ACCEPTABLE, CHILDREN_EXHAUSTED, STREAMS_EXHAUSTED, BACKEND_FAILED and BACKEND_SLOW; in the legacy era with
 * SESSION_MISSING (which a modern request gets too, where the backend is of the legacy era alone), SESSION_UNKNOWN and
 * SESSION_BUSY; in the modern one with ENVELOPE_INVALID, VERSION_UNSUPPORTED, HEADER_MISMATCH and METHOD_NOT_ALLOWED.
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

const NOTHING = new Uint8Array(0);

class StdioBridge implements StdioUpstream {
  readonly #house: House;
  readonly #sessions: LegacySessions;
  readonly #modern: ModernChildren;
  readonly #probe: EraProbe;

  constructor(backend: StdioBackend, log: Log, env: Environment, tuning: StdioTuning) {
    const childEnv = { ...safeEnvironment(env), ...Object.fromEntries(backend.env) };
    const nursery = new Nursery(backend, log, childEnv, tuning);
    const patience = new Patience(backend.stdioTimeout, tuning.commitAfter, tuning.clock);
    this.#house = { backend, tuning, patience, log, nursery };
    this.#sessions = new LegacySessions(this.#house);
    this.#modern = new ModernChildren(this.#house);
    this.#probe = new EraProbe(backend, tuning, nursery);
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  get childCount(): number {
    return this.#house.nursery.size;
  }

  send(outbound: Outbound, reply: Reply): void {
    const { message, headers, era, sessionId } = outbound;
    const isModern = message
      ? isMeantModern(message, era, headers) && (era === "modern" || sessionId === undefined)
      : hasModernHeader(headers);
    const { era: configured } = this.#house.backend;
    if (isModern && configured !== "legacy") this.#sendModern(outbound, reply);
    else if (configured === "modern") answer(reply, message, this.#refuseLegacy(message, reply));
    else answer(reply, message, this.#sendLegacy(outbound, reply));
  }

  async close(): Promise<void> {
    const closed = this.#house.nursery.close();
    this.#probe.close();
    this.#sessions.end("smcp stops");
    this.#modern.end("smcp stops");
    await closed;
  }

  /** What a server of the legacy era says to a modern client: it is how such a client learns the era. */
  #sendLegacy(outbound: Outbound, reply: Reply): Refusal | undefined {
    return outbound.era === "modern" ? refuse("SESSION_MISSING") : this.#sessions.send(outbound, reply);
  }

  /** As a server says it that only speaks the modern era. */
  #refuseLegacy(message: Message | undefined, reply: Reply): Refusal | undefined {
    if (!message) return refuse("METHOD_NOT_ALLOWED");
    if (message.kind === "response") {
      return refuse("MESSAGE_INVALID", { rule: "a response cannot be sent in the modern era" });
    }
    if (message.kind === "request") return judgeVersion(message.version, this.#revisions);
    reply.send(202, [], NOTHING);
    return undefined;
  }

  get #revisions(): readonly string[] {
    const { known } = this.#probe;
    return known === undefined || known === "legacy" ? ASSUMED_REVISIONS : known;
  }

  #sendModern(outbound: Outbound, reply: Reply): void {
    const { message } = outbound;
    if (!message) {
      reply.refuse(refuse("METHOD_NOT_ALLOWED"));
      return;
    }
    if (message.kind === "notification") {
      // The era has none from clients over HTTP: leaving is how a call is cancelled, and ids are nobody's own.
      reply.send(202, [], NOTHING);
      return;
    }
    const { known } = this.#probe;
    if (known !== undefined) answer(reply, message, this.#visit(known, outbound, message, reply));
    else void this.#sendOnceKnown(outbound, message, reply);
  }

  async #sendOnceKnown(outbound: Outbound, message: Message, reply: Reply): Promise<void> {
    const verdict = await this.#probe.ask();
    answer(reply, message, isRefusal(verdict) ? verdict : this.#visit(verdict, outbound, message, reply));
  }

  #visit(verdict: Verdict, outbound: Outbound, message: Message, reply: Reply): Refusal | undefined {
    if (reply.isClosed) return undefined;
    if (verdict === "legacy") return this.#sendLegacy(outbound, reply);
    const { headers, caller } = outbound;
    const accepts = readAccept(headers.get("accept"));
    const isListen = message.method === "subscriptions/listen";
    if (!accepts.events && (isListen || !accepts.json)) return refuse("NOT_ACCEPTABLE");
    const refusal = judgeEnvelope(message) ?? judgeVersion(message.version, verdict);
    if (refusal) return refusal;
    return this.#modern.send({ message, headers, accepts, reply }, caller, message.version ?? "");
  }
}

function answer(reply: Reply, message: Message | undefined, refusal: Refusal | undefined): void {
  // The id of a response is the child's, not the caller's.
  if (refusal) reply.refuse(refusal, message?.kind === "request" ? message.id : undefined);
}
