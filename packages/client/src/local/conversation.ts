/**
 * A conversation that an app began while nobody was signed in: what its messages come to until then, and the replay of its
 * handshake to the server afterwards. It knows no front door: HTTP and stdio each put theirs around it.
 */
import { isRefusal, refuse, type Message, type Refusal } from "@smcp/core";
import type { RelayRequest } from "@smcp/edge";

import type { Gateway } from "../gateway.ts";
import { agreedIn, versionIn } from "./greeting.ts";
import { ask, type Answer } from "./ask.ts";

/** A message of the handshake, as the app sent it. */
export interface Sent {
  readonly message: Message;
  /** The path at the server. */
  readonly path: string;
  /** A flat list, without a token. */
  readonly headers: readonly string[];
}

/**
 * What a message comes to: it goes to the server; it was taken and goes nowhere; the answer to a ping; or why it is not
 * answered.
 */
export type Step = "relay" | "taken" | "pong" | Refusal;

/** Who wants to know how it goes on. */
export interface ConversationEvents {
  /**
   * The server has agreed: from now on it answers.
   *
   * @param isInitialized it was told of the end of the handshake too
   */
  live(answer: Answer, isInitialized: boolean): void;
  /** It has not: the app must begin again. */
  over(): void;
}

/** What the server knows a conversation by, once it does. */
interface Agreed {
  readonly sessionId: string | undefined;
  readonly version: string;
}

const SESSION = "mcp-session-id";
const VERSION = "mcp-protocol-version";

export class Conversation {
  readonly #gateway: Gateway;
  readonly #initialize: Sent;
  readonly #events: ConversationEvents;
  readonly #asked: string | undefined;
  #initialized: Sent | undefined;
  #agreed: Agreed | undefined;
  #isOver = false;
  #replay: Promise<Step> | undefined;

  constructor(gateway: Gateway, initialize: Sent, events: ConversationEvents) {
    this.#gateway = gateway;
    this.#initialize = initialize;
    this.#events = events;
    this.#asked = versionIn(initialize.message.text);
  }

  /** True once the server answers. */
  get isLive(): boolean {
    return this.#agreed !== undefined;
  }

  /** True once the app must begin again. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * The app's next message, or why it is none. Waits for a replay that is under way. Never rejects.
   *
   * @param sent `undefined` for a request without a message
   */
  async step(sent: Sent | Refusal | undefined): Promise<Step> {
    await this.#replay;
    if (this.isLive) return "relay";
    if (this.#isOver || !sent) return refuse("SESSION_UNKNOWN");
    if (isRefusal(sent)) return sent;
    const { kind, method } = sent.message;
    if (kind !== "request") {
      if (method === "notifications/initialized") this.#initialized ??= sent;
      return "taken";
    }
    if (method === "ping") return "pong";
    const token = await this.#gateway.tokens.get();
    // Also where it was another process that signed in.
    return isRefusal(token) ? token : this.revive();
  }

  /**
   * Replays the handshake to the server, once for all who ask.
   *
   * @returns `relay` when the server has agreed, else why not; still signed out, it can be asked for again
   */
  revive(): Promise<Step> {
    if (this.isLive) return Promise.resolve("relay");
    if (this.#isOver) return Promise.resolve(refuse("SESSION_UNKNOWN"));
    return (this.#replay ??= this.#replayed().finally(() => {
      this.#replay = undefined;
    }));
  }

  /** Nothing more will be asked of it. */
  end(): void {
    this.#isOver = true;
  }

  /** The app's headers as the server must see them: its own session id and version in place of ours. */
  outward(headers: readonly string[]): string[] {
    const { sessionId, version } = this.#agreed ?? {};
    const out: string[] = [];
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const [name = "", value = ""] = [headers[i], headers[i + 1]];
      if (name === SESSION) {
        if (sessionId !== undefined) out.push(name, sessionId);
      } else out.push(name, name === VERSION && value === this.#asked ? (version ?? value) : value);
    }
    return out;
  }

  async #replayed(): Promise<Step> {
    const answer = await ask(this.#gateway, postOf(this.#initialize), this.#initialize.message.id);
    if (isRefusal(answer) && answer.refused === "SIGN_IN_PENDING") return answer;
    const version = isRefusal(answer) ? undefined : agreedIn(answer.text);
    if (isRefusal(answer) || answer.status >= 300 || version === undefined) return this.#give("initialize", answer);
    const sessionId = answer.headers[SESSION];
    const agreed: Agreed = { sessionId: typeof sessionId === "string" ? sessionId : undefined, version };
    if (this.#initialized) {
      const taken = await this.#say(this.#initialized, agreed);
      if (isRefusal(taken) || taken.status >= 300) return this.#give("notifications/initialized", taken);
    }
    if (this.#isOver) return refuse("SESSION_UNKNOWN");
    this.#agreed = agreed;
    this.#gateway.log.info({ path: this.#initialize.path }, "signed in: an app's session goes on at the server");
    this.#events.live(answer, this.#initialized !== undefined);
    return "relay";
  }

  #say({ message, path, headers }: Sent, { sessionId, version }: Agreed): Promise<Answer | Refusal> {
    const own = withoutOurs(headers);
    if (sessionId !== undefined) own.push(SESSION, sessionId);
    own.push(VERSION, version);
    return ask(this.#gateway, postOf({ message, path, headers: own }), undefined);
  }

  #give(method: string, answer: Answer | Refusal): Refusal {
    const reason = isRefusal(answer) ? (answer.reason ?? answer.refused) : `the server answered ${answer.status}`;
    this.#gateway.log.warn({ method, reason }, "the server did not take on an app's session: the app must begin again");
    this.#isOver = true;
    this.#events.over();
    return refuse("SESSION_UNKNOWN", undefined, { reason });
  }
}

function postOf({ message, path, headers }: Sent): RelayRequest {
  return { method: "POST", path, headers: [...headers], body: Buffer.from(message.text) };
}

function withoutOurs(headers: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = "", value = ""] = [headers[i], headers[i + 1]];
    if (name !== SESSION && name !== VERSION) out.push(name, value);
  }
  return out;
}
