/**
 * The conversation on stdio while nobody is signed in: the app's handshake is answered here, and goes on at the server
 * after the sign-in.
 */
import { isRefusal } from "@smcp/core";

import type { Gateway } from "../gateway.ts";
import { Conversation, type ConversationEvents, type Sent, type Step } from "../local/conversation.ts";
import { Reception, type FirstMessage, type Welcome } from "../local/reception.ts";

export class SignedOut {
  readonly #gateway: Gateway;
  readonly #events: ConversationEvents;
  readonly #reception: Reception;
  #conversation: Conversation | undefined;
  #stopListening: (() => void) | undefined;

  /** @param events told of the conversation that begins here */
  constructor(gateway: Gateway, events: ConversationEvents) {
    this.#gateway = gateway;
    this.#events = events;
    this.#reception = new Reception(gateway);
  }

  /** True while the app speaks with the client alone, or must begin again. */
  get isActive(): boolean {
    return this.#conversation !== undefined;
  }

  /** What the app's next message comes to. */
  async step(sent: Sent): Promise<Step> {
    const conversation = this.#conversation;
    // An app that begins again is welcome.
    if (!conversation || (sent.message.method === "initialize" && conversation.isOver)) {
      this.stop();
      return "relay";
    }
    const step = await conversation.step(sent);
    // From now on the server answers, whether or not somebody is signed in.
    if (step === "relay") this.stop();
    return step;
  }

  /** Receives an app's first message. Never rejects. */
  async welcome(first: FirstMessage): Promise<Welcome> {
    const welcome = await this.#reception.receive(first);
    if (welcome === "again" || isRefusal(welcome)) return welcome;
    if (this.#conversation) return first.refusal;
    const { message, path, headers } = first;
    const conversation = new Conversation(this.#gateway, { message, path, headers }, this.#events);
    this.#conversation = conversation;
    this.#stopListening = this.#gateway.tokens.onSignedIn(() => void conversation.revive());
    return welcome;
  }

  /** Nothing goes on here any more. */
  stop(): void {
    this.#stopListening?.();
    this.#stopListening = undefined;
    this.#conversation = undefined;
  }
}
