/** A session that an app holds with the client over HTTP: its conversation, its id here and at the server, its streams. */
import { randomUUID } from "node:crypto";

import type { HeaderMap, Refusal } from "@smcp/core";
import type { RelayRequest, Reply, ReplyHead } from "@smcp/edge";

import type { Gateway } from "../gateway.ts";
import { Conversation, type Sent, type Step } from "./conversation.ts";
import { LIST_CHANGED } from "./greeting.ts";
import { LocalStream } from "./stream.ts";

interface Listening {
  readonly stream: LocalStream;
  /** The app's GET, to be sent on. */
  readonly request: RelayRequest;
}

const SESSION = "mcp-session-id";

export class LocalSession {
  readonly id: string = `smcp-local-${randomUUID()}`;
  /** When it was last used, on the clock that never goes back. */
  lastUse = performance.now();

  readonly #gateway: Gateway;
  readonly #conversation: Conversation;
  readonly #listening = new Set<Listening>();
  readonly #onEnd: (session: LocalSession) => void;
  /** Nobody was told yet that the list of tools is another one now. */
  #owesNotice = true;

  /** @param onEnd called when the session need not be known any more */
  constructor(gateway: Gateway, initialize: Sent, onEnd: (session: LocalSession) => void) {
    this.#gateway = gateway;
    this.#onEnd = onEnd;
    this.#conversation = new Conversation(gateway, initialize, {
      live: () => this.#join(),
      over: () => this.#endStreams(),
    });
  }

  /** True while an app listens: it is in use though nothing comes. */
  get isListenedTo(): boolean {
    return this.#listening.size > 0;
  }

  /** True where the server may be asked to take it on. */
  get isWaiting(): boolean {
    return !this.#conversation.isLive && !this.#conversation.isOver;
  }

  /** The app's next POST, or what else is not answered here. */
  step(sent: Sent | Refusal | undefined): Promise<Step> {
    this.lastUse = performance.now();
    return this.#conversation.step(sent);
  }

  revive(): Promise<Step> {
    return this.#conversation.revive();
  }

  /** The app's GET: true where the stream is ours, false where it goes to the server. */
  listen(reply: Reply, request: RelayRequest): boolean {
    this.lastUse = performance.now();
    if (this.#conversation.isOver || (this.#conversation.isLive && !this.#owesNotice)) return false;
    const one: Listening = { stream: new LocalStream(this.#gateway, reply), request };
    this.#listening.add(one);
    reply.onClosed(() => {
      this.#listening.delete(one);
      this.lastUse = performance.now();
    });
    if (this.#conversation.isLive) this.#join();
    return true;
  }

  /** The app's DELETE: true where that is all, false where the server must hear of it. */
  close(): boolean {
    this.#onEnd(this);
    if (this.#conversation.isLive) return false;
    this.end();
    return true;
  }

  /** Forgets it: streams end. */
  end(): void {
    this.#conversation.end();
    this.#endStreams();
  }

  /** The app's headers as the server must see them. */
  outward(headers: readonly string[]): string[] {
    return this.#conversation.outward(headers);
  }

  /** The server's answer as the app must see it. */
  inward(head: ReplyHead): void {
    const at = head.headers.indexOf(SESSION);
    if (at >= 0 && at % 2 === 0) head.headers[at + 1] = this.id;
    // The server has forgotten it: the app begins again, with an id of the server's.
    if (head.status === 404) this.#onEnd(this);
  }

  #join(): void {
    const [newest, ...older] = [...this.#listening].toReversed();
    if (!newest) return;
    this.#owesNotice = false;
    newest.stream.say(LIST_CHANGED);
    const { request } = newest;
    newest.stream.join({ ...request, headers: this.outward(request.headers) });
    // A server has one stream for each session. Apps that come back for theirs get what it says to that.
    for (const { stream } of older) stream.end();
  }

  #endStreams(): void {
    for (const { stream } of this.#listening) stream.end();
  }
}

/** The session that a request names. */
export function sessionIn(headers: HeaderMap): string | undefined {
  return headers.get(SESSION);
}
