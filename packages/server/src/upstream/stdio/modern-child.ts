/**
 * One child of the modern era, which many calls share. Each goes under an id of ours and comes back under its caller's own;
 * what cannot be told to belong to one of them goes to none. Knows nothing of callers.
 */
import type { StdioBackend } from "@smcp/config";
import {
  formatDuration,
  onOneLine,
  refuse,
  type HeaderMap,
  type Log,
  type LogFields,
  type Message,
  type Refusal,
} from "@smcp/core";
import type { Child, Reply } from "@smcp/edge";

import type { Accepts } from "./accept.ts";
import { Call } from "./call.ts";
import { CallTable } from "./calls.ts";
import { Deadline } from "./deadline.ts";
import { findMember, idKey, readChildLine, textAt, type ChildLine } from "./line.ts";
import { statusOf } from "./modern-status.ts";
import { Noise } from "./noise.ts";
import { cancellation, ownRequest, refusedQuestion } from "./own-messages.ts";
import type { Patience } from "./patience.ts";
import { ChildPipe } from "./pipe.ts";
import { isToken, replaced, withOwnId } from "./splice.ts";
import { ToolHeaders } from "./tool-headers.ts";
import type { StdioTuning } from "./tuning.ts";

export interface ModernTerms {
  readonly backend: StdioBackend;
  readonly tuning: StdioTuning;
  readonly patience: Patience;
  readonly log: Log;
  /** What names the child in the log. */
  readonly fields: LogFields;
  readonly child: Child;
  /** The revision that the gateway's own requests are of. */
  readonly version: string;
  /** The child answered for the first time. */
  onServed(): void;
  /** Called once. `byItself`: the child ended, or could not be read any longer; nobody asked for it. */
  onEnded(end: { readonly reason: string; readonly byItself: boolean }): void;
}

/** A request on its way to a child. */
export interface Visit {
  readonly message: Message;
  readonly headers: HeaderMap;
  readonly accepts: Accepts;
  readonly reply: Reply;
}

/** A caller's request under way. */
interface Guest {
  readonly key: number;
  readonly call: Call;
  readonly message: Message;
}

/** A request of the gateway's own. */
interface Own {
  readonly key: number;
  settle(line: ChildLine | undefined): void;
}

const SUBSCRIPTION_ID: readonly string[] = ["_meta", "io.modelcontextprotocol/subscriptionId"];
const PROGRESS_TOKEN: readonly string[] = ["progressToken"];
const REQUEST_ID: readonly string[] = ["requestId"];

export class ModernChild {
  readonly #terms: ModernTerms;
  readonly #pipe: ChildPipe;
  readonly #idle: Deadline;
  readonly #noise: Noise;
  readonly #calls = new CallTable<Guest | Own>();
  readonly #tools: ToolHeaders;
  /** Servers and libraries have stumbled over 0. */
  #nextKey = 1;
  /** Calls under way that asked for log messages. */
  #asking = 0;
  #hasServed = false;
  #hasAsked = false;
  #isOver = false;

  constructor(terms: ModernTerms) {
    const { backend, child, fields, log, tuning } = terms;
    this.#terms = terms;
    this.#noise = new Noise(log, fields);
    this.#tools = new ToolHeaders(tuning, (method, params) => this.#ask(method, params));
    this.#idle = new Deadline(tuning.clock, backend.idleTtl, () => this.#onIdle());
    // One caller's huge answer is not to end what the others are about.
    const onLost = (): void => log.warn(fields, "dropped a line of a child's output that is too long");
    this.#pipe = new ChildPipe(child, tuning, {
      ...(backend.isolation === "shared" && { onLost }),
      onLine: (line) => this.#onLine(line),
      onEnd: (reason) => this.#end({ reason, byItself: true }),
    });
  }

  /** Sends a request. Refuses with HEADER_MISMATCH, STREAMS_EXHAUSTED, BACKEND_FAILED or BACKEND_SLOW. */
  send(visit: Visit): void {
    const { message, headers, reply } = visit;
    const judged = message.method === "tools/call" ? this.#tools.judge(message, headers) : undefined;
    const go = (refusal: Refusal | undefined): void => {
      const late = refusal ?? (reply.isClosed ? undefined : this.#call(visit));
      if (late) reply.refuse(late, message.id);
    };
    if (judged instanceof Promise) void judged.then(go);
    else go(judged);
  }

  /** Lets go of everybody; the child is then stopped by whoever started it. */
  end(reason: string): void {
    this.#end({ reason, byItself: false });
  }

  #call({ message, accepts, reply }: Visit): Refusal | undefined {
    const { tuning, patience } = this.#terms;
    if (this.#calls.size >= tuning.maxCalls) return refuse("STREAMS_EXHAUSTED");
    const key = this.#nextKey++;
    const text = onOneLine(withOwnId(message, key));
    if (!this.#pipe.send(text, text.length)) return this.#failed();
    const guest: Guest = {
      key,
      message,
      call: new Call(reply, {
        key,
        order: key,
        id: message.id ?? "",
        progressToken: message.progressToken,
        accepts,
        headers: [],
        patience,
        onExpired: () => this.#onExpired(guest),
      }),
    };
    this.#calls.add(guest);
    if (message.asksLogs) this.#asking++;
    this.#touch();
    // Leaving is this era's way to cancel.
    reply.onClosed(() => this.#onLeft(guest));
    return undefined;
  }

  #ask(method: string, params: object): Promise<ChildLine | undefined> {
    const { promise, resolve } = Promise.withResolvers<ChildLine | undefined>();
    const key = this.#nextKey++;
    const text = ownRequest(key, method, this.#terms.version, params);
    if (!this.#pipe.send(text, text.length)) return Promise.resolve(undefined);
    const own: Own = {
      key,
      settle: (line) => {
        clearTimeout(timer);
        resolve(line);
      },
    };
    const timer = setTimeout(() => {
      this.#calls.delete(own);
      own.settle(undefined);
    }, this.#terms.tuning.toolsLimit).unref();
    this.#calls.add(own);
    return promise;
  }

  #onLine(line: Uint8Array): void {
    const read = readChildLine(line);
    if (!read) this.#noise.dropped(line);
    else if (read.kind === "response") this.#onAnswer(read);
    else if (read.kind === "notification") this.#onNotification(read);
    else this.#onQuestion(read);
  }

  #onAnswer(read: ChildLine): void {
    const found = read.id === undefined ? undefined : this.#calls.get(read.id);
    if (!found) {
      this.#terms.log.debug(this.#terms.fields, "dropped an answer that nobody waits for");
      return;
    }
    if (!this.#hasServed) {
      this.#hasServed = true;
      this.#terms.onServed();
    }
    this.#remove(found);
    if (!("call" in found)) {
      found.settle(read);
      return;
    }
    const { bytes, idStart, idEnd, isError, bodyStart } = read;
    const places = [{ start: idStart, end: idEnd }];
    if (isListen(found) && !isError) {
      const subscription = findMember(bytes, bodyStart, SUBSCRIPTION_ID);
      if (subscription) places.push(subscription);
    }
    places.sort((a, b) => a.start - b.start);
    found.call.answer(replaced(bytes, places, found.call.id), isError, isError ? statusOf(read) : 200);
  }

  #onNotification(read: ChildLine): void {
    switch (read.method) {
      case "notifications/progress":
        this.#onProgress(read);
        break;
      case "notifications/message":
        this.#onLogged(read);
        break;
      case "notifications/cancelled":
        this.#onCancelled(read);
        break;
      default:
        this.#onChange(read);
    }
  }

  #onProgress(read: ChildLine): void {
    const [guest, place] = this.#named(read, PROGRESS_TOKEN);
    const token = guest?.call.progressToken;
    if (!guest || !place || token === undefined || !isToken(token)) return;
    guest.call.restart();
    this.#forward(guest, replaced(read.bytes, [place], token));
  }

  /** Nothing says whose request it is about: it reaches its caller only where there is no other to be taken for. */
  #onLogged(read: ChildLine): void {
    if (this.#asking !== 1) return;
    const guest = this.#calls.values().find((one) => "call" in one && one.message.asksLogs);
    if (guest && "call" in guest) this.#forward(guest, [read.bytes]);
  }

  /** It ends a subscription; nothing else can be cancelled from that side. */
  #onCancelled(read: ChildLine): void {
    const [guest, place] = this.#named(read, REQUEST_ID);
    if (!guest || !place || !isListen(guest)) return;
    this.#remove(guest);
    guest.call.event(...replaced(read.bytes, [place], guest.call.id));
    guest.call.drop();
  }

  /** What belongs to a subscription says so; anything else was asked for by nobody. */
  #onChange(read: ChildLine): void {
    const [guest, place] = this.#named(read, SUBSCRIPTION_ID);
    if (!guest || !place || !isListen(guest)) return;
    guest.call.hold();
    this.#forward(guest, replaced(read.bytes, [place], guest.call.id));
  }

  /** The call whose id stands at a place of a notification. */
  #named({ bytes, bodyStart }: ChildLine, path: readonly string[]): [Guest?, { start: number; end: number }?] {
    const place = bodyStart < 0 ? undefined : findMember(bytes, bodyStart, path);
    const found = place && this.#calls.get(idKey(textAt(bytes, place)));
    return found && "call" in found ? [found, place] : [];
  }

  /** In this era servers ask in their answers. */
  #onQuestion({ bytes, idStart, idEnd, method }: ChildLine): void {
    const { log, fields } = this.#terms;
    if (!this.#hasAsked) log.warn({ ...fields, method }, "a child of the modern era asked its client something");
    this.#hasAsked = true;
    const text = refusedQuestion(textAt(bytes, { start: idStart, end: idEnd }));
    this.#pipe.send(text, text.length);
  }

  #forward({ call }: Guest, line: readonly Uint8Array[]): void {
    this.#touch();
    if (call.event(...line)) {
      call.unread = 0;
      return;
    }
    // Others read of the same child: nobody may hold it up.
    for (const piece of line) call.unread += piece.length;
    if (call.unread > this.#terms.tuning.maxUnread) call.abort();
  }

  #onExpired(guest: Guest): void {
    if (!this.#remove(guest)) return;
    const { backend } = this.#terms;
    this.#cancel(guest);
    guest.call.fail(refuse("BACKEND_SLOW", { server: backend.id, limit: formatDuration(backend.stdioTimeout) }));
  }

  #onLeft(guest: Guest): void {
    if (!this.#remove(guest)) return;
    guest.call.forget();
    this.#cancel(guest);
  }

  #cancel({ key, message }: Guest): void {
    const text = cancellation(key, message.version ?? this.#terms.version);
    this.#pipe.send(text, text.length);
  }

  /** False when it was gone already. */
  #remove(one: Guest | Own): boolean {
    if (!this.#calls.delete(one)) return false;
    if ("call" in one && one.message.asksLogs) this.#asking--;
    this.#touch();
    return true;
  }

  #touch(): void {
    this.#idle.move(this.#terms.backend.idleTtl);
  }

  #onIdle(): void {
    if (this.#calls.size > 0) this.#touch();
    else this.end("nobody used it");
  }

  #end(end: { readonly reason: string; readonly byItself: boolean }): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#idle.clear();
    this.#pipe.close();
    const left = this.#calls.values();
    this.#calls.clear();
    for (const one of left) {
      if (!("call" in one)) one.settle(undefined);
      // A subscription that breaks off invites its caller to come again, one that is ended does not.
      else if (isListen(one) && one.call.reply.isStarted) one.call.abort();
      else one.call.fail(this.#failed());
    }
    this.#terms.onEnded(end);
  }

  #failed(): Refusal {
    return refuse("BACKEND_FAILED", { server: this.#terms.backend.id });
  }
}

function isListen({ message }: Guest): boolean {
  return message.method === "subscriptions/listen";
}
