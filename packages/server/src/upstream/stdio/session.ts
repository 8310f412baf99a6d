/**
 * One session: a child of its own, the calls under way in it, its standing streams. Nothing of another caller is reachable
 * from here, so ids are compared within the session only and go both ways unchanged.
 */
import type { StdioBackend } from "@smcp/config";
import { formatDuration, onOneLine, refuse, type Log, type LogFields, type Message, type Refusal } from "@smcp/core";
import type { Child, Reply } from "@smcp/edge";

import type { Accepts } from "./accept.ts";
import { Call } from "./call.ts";
import { CallTable } from "./calls.ts";
import { Deadline } from "./deadline.ts";
import { findMember, idKey, readChildLine, textAt, type ChildLine, type IdKey } from "./line.ts";
import { Noise } from "./noise.ts";
import type { Patience } from "./patience.ts";
import { ChildPipe } from "./pipe.ts";
import { destinationOf } from "./route.ts";
import { StandingStreams } from "./streams.ts";
import type { StdioTuning } from "./tuning.ts";

export interface SessionTerms {
  readonly backend: StdioBackend;
  readonly tuning: StdioTuning;
  readonly patience: Patience;
  readonly log: Log;
  /** What names the session in the log, where its id must not stand. */
  readonly fields: LogFields;
  readonly child: Child;
  /** The child answered `initialize`. */
  onOpened(): void;
  /** Called once. `byItself`: the child ended, or could not be read any longer; nobody asked for it. */
  onEnded(end: { readonly reason: string; readonly byItself: boolean }): void;
}

export class StdioSession {
  readonly #terms: SessionTerms;
  readonly #pipe: ChildPipe;
  readonly #streams: StandingStreams;
  readonly #idle: Deadline;
  readonly #calls = new CallTable<Call>();
  readonly #byToken = new Map<IdKey, Call>();
  /** Ids of calls that were given up while the child still works on them. */
  readonly #abandoned = new Set<IdKey>();
  /** Ids of what the child asked and nobody answered yet. */
  readonly #asked = new Set<IdKey>();
  readonly #slow = new Set<Reply>();
  readonly #noise: Noise;
  #opening: Call | undefined;
  #count = 0;
  #isOver = false;

  constructor(terms: SessionTerms) {
    this.#terms = terms;
    this.#pipe = new ChildPipe(terms.child, terms.tuning, {
      onLine: (line) => this.#onLine(line),
      onEnd: (reason) => this.#end({ reason, byItself: true }, this.#failed()),
    });
    this.#noise = new Noise(terms.log, terms.fields);
    this.#streams = new StandingStreams(terms.tuning, (reply) => this.#slowDown(reply));
    this.#idle = new Deadline(terms.tuning.clock, terms.backend.idleTtl, () => this.#onIdle());
  }

  /** True while nothing is under way and nobody listens. */
  get isIdle(): boolean {
    return this.#calls.size === 0 && this.#streams.size === 0;
  }

  /** When it ends unless somebody uses it before; the later, the more recently it was used. */
  get endsAt(): number {
    return this.#idle.due;
  }

  /** Sends the `initialize` that this session is for; `headers` go with its answer. */
  open(message: Message, accepts: Accepts, reply: Reply, headers: readonly string[]): void {
    this.#opening = this.#call(message, accepts, reply, headers);
    reply.onClosed(({ complete }) => {
      // The caller never learnt the session's id.
      if (!complete) this.end("the caller left before the session was open");
    });
  }

  /** Sends a request. Refuses with SESSION_BUSY, STREAMS_EXHAUSTED, BACKEND_FAILED or BACKEND_SLOW. */
  call(message: Message, accepts: Accepts, reply: Reply): void {
    const call = this.#call(message, accepts, reply, []);
    if (!this.#streams.hasKept || !call?.canStream || this.#streams.size > 0) return;
    for (const line of this.#streams.takeQuestions()) this.#write(call, line);
  }

  /** Sends what is not answered: a notification, or the answer to a question of the child's. */
  tell(message: Message, reply: Reply): void {
    this.#touch();
    // An answer to what was not asked is dropped: whoever sends it guesses.
    const isWanted = message.kind !== "response" || (message.id !== undefined && this.#asked.delete(idKey(message.id)));
    if (isWanted && !this.#send(message)) {
      reply.refuse(this.#failed());
      return;
    }
    if (message.method === "notifications/cancelled" && message.cancels !== undefined) this.#cancel(message.cancels);
    reply.send(202, [], NOTHING);
  }

  /** Opens a standing stream. */
  listen(reply: Reply): void {
    this.#touch();
    this.#streams.add(reply, () => this.#touch());
  }

  /** Ends the session and stops its child; what is under way is told that there is no such session. */
  end(reason: string): void {
    this.#end({ reason, byItself: false }, refuse("SESSION_UNKNOWN"));
  }

  #call(message: Message, accepts: Accepts, reply: Reply, headers: readonly string[]): Call | undefined {
    const { id = "", progressToken } = message;
    const key = idKey(id);
    const refusal = this.#judge(key) ?? (this.#send(message) ? undefined : this.#failed());
    if (refusal) {
      reply.refuse(refusal, id);
      return undefined;
    }
    this.#touch();
    const { patience } = this.#terms;
    const order = this.#count++;
    const onExpired = this.#onExpired;
    const call = new Call(reply, { key, order, id, progressToken, accepts, headers, patience, onExpired });
    this.#calls.add(call);
    if (progressToken !== undefined) this.#byToken.set(idKey(progressToken), call);
    return call;
  }

  #judge(key: IdKey): Refusal | undefined {
    if (this.#calls.get(key) || (this.#abandoned.size > 0 && this.#abandoned.has(key))) return refuse("SESSION_BUSY");
    return this.#calls.size < this.#terms.tuning.maxCalls ? undefined : refuse("STREAMS_EXHAUSTED");
  }

  #send(message: Message): boolean {
    return this.#pipe.send(onOneLine(message.text), message.text.length);
  }

  #onLine(line: Uint8Array): void {
    const read = readChildLine(line);
    if (!read) {
      this.#noise.dropped(line);
      return;
    }
    const destination = destinationOf(read);
    if (destination === "answer") this.#onAnswer(line, read);
    else if (destination === "progress") this.#onProgress(line, read);
    else this.#onMessage(line, read, destination);
  }

  #onAnswer(line: Uint8Array, { id, isError }: ChildLine): void {
    const call = id === undefined ? undefined : this.#calls.get(id);
    if (!call) {
      if (id !== undefined) this.#abandoned.delete(id);
      this.#terms.log.debug(this.#terms.fields, "dropped an answer that nobody waits for");
      return;
    }
    this.#remove(call);
    call.answer([line], isError);
    if (call !== this.#opening) return;
    this.#opening = undefined;
    this.#terms.onOpened();
    if (isError) this.end("it refused to initialize");
  }

  #onProgress(line: Uint8Array, { bytes, bodyStart }: ChildLine): void {
    const token = findMember(bytes, bodyStart, PROGRESS_TOKEN);
    const call = token && this.#byToken.get(idKey(textAt(bytes, token)));
    if (call) {
      call.restart();
      this.#write(call, line);
    } else if (this.#streams.size > 0) {
      // A task goes on after the call that began it was answered.
      this.#streams.send(line, false);
    }
  }

  #onMessage(line: Uint8Array, { id, kind }: ChildLine, destination: "call" | "stream"): void {
    if (kind === "request" && id !== undefined) keepSome(this.#asked, id, this.#terms.tuning.maxCalls);
    const call = destination === "call" ? this.#newestCall() : undefined;
    if (call) this.#write(call, line);
    else this.#streams.send(line, kind === "request");
  }

  #newestCall(): Call | undefined {
    let newest: Call | undefined;
    for (const call of this.#calls.values()) {
      if (call.canStream && !call.isCancelled && call.order > (newest?.order ?? -1)) newest = call;
    }
    return newest;
  }

  #write(call: Call, line: Uint8Array): void {
    if (!call.event(line)) this.#slowDown(call.reply);
  }

  /** A reader that does not read stops the child: the session is that reader's own. */
  #slowDown(reply: Reply): void {
    if (this.#slow.has(reply)) return;
    this.#slow.add(reply);
    this.#pipe.pause();
    const release = (): void => {
      if (this.#slow.delete(reply) && this.#slow.size === 0) this.#pipe.resume();
    };
    reply.onceDrained(release);
    reply.onClosed(release);
  }

  #cancel(rawId: string): void {
    this.#calls.get(idKey(rawId))?.cancel(this.#terms.tuning.cancelGrace);
  }

  readonly #onExpired = (call: Call): void => {
    this.#remove(call);
    // Bounded: a child that answers nothing for so long has long lost count itself.
    keepSome(this.#abandoned, call.key, this.#terms.tuning.maxCalls);
    const { backend } = this.#terms;
    if (call.isCancelled && call.canStream) call.drop();
    else call.fail(refuse("BACKEND_SLOW", { server: backend.id, limit: formatDuration(backend.stdioTimeout) }));
    if (call === this.#opening) this.end("it did not answer initialize in time");
  };

  #remove(call: Call): void {
    this.#calls.delete(call);
    const { progressKey } = call;
    if (progressKey !== undefined && this.#byToken.get(progressKey) === call) this.#byToken.delete(progressKey);
    this.#touch();
  }

  #touch(): void {
    this.#idle.move(this.#terms.backend.idleTtl);
  }

  #onIdle(): void {
    if (this.isIdle) this.end("nobody used it");
    else this.#touch();
  }

  #end(end: { readonly reason: string; readonly byItself: boolean }, refusal: Refusal): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#idle.clear();
    this.#pipe.close();
    for (const call of this.#calls.values()) call.fail(refusal);
    this.#calls.clear();
    this.#byToken.clear();
    this.#streams.end();
    this.#terms.onEnded(end);
  }

  #failed(): Refusal {
    return refuse("BACKEND_FAILED", { server: this.#terms.backend.id });
  }
}

const NOTHING = new Uint8Array(0);
const PROGRESS_TOKEN: readonly string[] = ["progressToken"];

/** Adds an id; the oldest ones go where there are too many. */
function keepSome(ids: Set<IdKey>, id: IdKey, most: number): void {
  ids.add(id);
  for (const oldest of ids) {
    if (ids.size <= most) break;
    ids.delete(oldest);
  }
}
