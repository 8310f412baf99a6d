/** The sessions of the legacy era, each with a child of its own. */
import { randomBytes } from "node:crypto";

import { refuse, type Message, type Refusal } from "@smcp/core";
import type { Child, Reply } from "@smcp/edge";

import type { Outbound } from "../upstream.ts";
import { readAccept, type Accepts } from "./accept.ts";
import type { House } from "./house.ts";
import type { EndOfUse } from "./nursery.ts";
import { StdioSession } from "./session.ts";

/** 192 bits. */
const SESSION_ID_BYTES = 24;

const NOTHING = new Uint8Array(0);

interface Kept {
  readonly session: StdioSession;
  readonly caller: string;
}

export class LegacySessions {
  readonly #house: House;
  readonly #sessions = new Map<string, Kept>();

  constructor(house: House) {
    this.#house = house;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Answers any request of the legacy era. Refuses with SESSION_MISSING, SESSION_UNKNOWN, SESSION_BUSY, NOT_ACCEPTABLE,
   * CHILDREN_EXHAUSTED, STREAMS_EXHAUSTED, BACKEND_FAILED or BACKEND_SLOW, at once or on `reply`.
   */
  send(outbound: Outbound, reply: Reply): Refusal | undefined {
    if (outbound.method === "POST") return this.#post(outbound, reply);
    return this.#withSession(outbound, (session) => this.#getOrDelete(outbound, reply, session));
  }

  end(reason: string): void {
    for (const { session } of this.#sessions.values()) session.end(reason);
  }

  #post(outbound: Outbound, reply: Reply): Refusal | undefined {
    const { message } = outbound;
    if (!message) return refuse("SESSION_MISSING");
    if (message.kind !== "request") {
      return this.#withSession(outbound, (session) => session.tell(message, reply));
    }
    const accepts = readAccept(outbound.headers.get("accept"));
    if (!accepts.json && !accepts.events) return refuse("NOT_ACCEPTABLE");
    // An id that comes with it is ignored: ours are never chosen by others.
    if (message.method === "initialize") return this.#open(message, outbound.caller, accepts, reply);
    return this.#withSession(outbound, (session) => session.call(message, accepts, reply));
  }

  #getOrDelete(outbound: Outbound, reply: Reply, session: StdioSession): Refusal | undefined {
    if (outbound.method === "GET") {
      if (!readAccept(outbound.headers.get("accept")).events) return refuse("NOT_ACCEPTABLE");
      session.listen(reply);
      return undefined;
    }
    session.end("its caller ended it");
    reply.send(200, [], NOTHING);
    return undefined;
  }

  #withSession(
    { sessionId }: Outbound,
    use: (session: StdioSession) => Refusal | undefined | void,
  ): Refusal | undefined {
    if (sessionId === undefined) return refuse("SESSION_MISSING");
    const kept = this.#sessions.get(sessionId);
    if (!kept) return refuse("SESSION_UNKNOWN");
    return use(kept.session) ?? undefined;
  }

  #open(message: Message, caller: string, accepts: Accepts, reply: Reply): Refusal | undefined {
    const raise = (): Refusal | undefined => this.#raise(message, caller, accepts, reply);
    const refusal = raise();
    if (refusal?.refused !== "CHILDREN_EXHAUSTED" || !this.#makeRoom(caller)) return refusal;
    // By then the nursery knows that the other one is out of use.
    setImmediate(() => {
      const late = raise();
      if (late) reply.refuse(late, message.id);
    });
    return undefined;
  }

  /** Most apps never say that they leave: of a caller who may have no more, the session that nobody used for longest goes. */
  #makeRoom(caller: string): boolean {
    // The anonymous are nobody in particular: it would be somebody else's.
    if (caller === "" || !this.#house.nursery.isShareTaken(caller)) return false;
    let oldest: StdioSession | undefined;
    for (const { session, caller: owner } of this.#sessions.values()) {
      if (owner !== caller || !session.isIdle) continue;
      if (oldest === undefined || session.endsAt < oldest.endsAt) oldest = session;
    }
    oldest?.end("its caller opened another one and may have no more");
    return oldest !== undefined;
  }

  #raise(message: Message, caller: string, accepts: Accepts, reply: Reply): Refusal | undefined {
    return this.#house.nursery.raise({
      caller,
      isCounted: true,
      isWanted: () => !reply.isClosed,
      onFailed: (why) => reply.refuse(why, message.id),
      live: (child, tag) =>
        this.#converse(child, tag, caller, (session, headers) => session.open(message, accepts, reply, headers)),
    });
  }

  /** Resolves when the session is over. */
  #converse(
    child: Child,
    tag: string,
    caller: string,
    begin: (session: StdioSession, headers: readonly string[]) => void,
  ): Promise<EndOfUse> {
    const { nursery, ...terms } = this.#house;
    const id = randomBytes(SESSION_ID_BYTES).toString("base64url");
    return new Promise((resolve) => {
      let hasServed = false;
      const session = new StdioSession({
        ...terms,
        fields: nursery.fields(tag),
        child,
        onOpened: () => {
          hasServed = true;
          nursery.succeeded();
        },
        onEnded: (end) => {
          this.#sessions.delete(id);
          resolve({ ...end, hasServed });
        },
      });
      this.#sessions.set(id, { session, caller });
      begin(session, ["mcp-session-id", id]);
    });
  }
}
