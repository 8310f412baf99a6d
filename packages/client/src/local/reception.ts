/**
 * What becomes of an app's first message while nobody is signed in: it waits a while for a sign-in that is under way, then
 * `initialize` is answered here. It knows no front door.
 */
import { isRefusal, publicMessage, type Duration, type Refusal } from "@smcp/core";

import type { Gateway } from "../gateway.ts";
import type { Sent } from "./conversation.ts";
import { greet, isOpening } from "./greeting.ts";

/** The first message of an app that found nobody signed in. */
export interface FirstMessage extends Sent {
  /** Why it was not answered. */
  readonly refusal: Refusal;
  /** It has waited already. */
  readonly isRepeated: boolean;
  /** True when nobody waits for the answer any more. */
  isGone(): boolean;
}

/** What it comes to: it is sent again, it has this answer, or it is refused. */
export type Welcome = "again" | { readonly answer: string } | Refusal;

const LIMIT: Duration = 20_000;
/** How long after its first message an app's second one may come. */
const MEMORY: Duration = 60_000;
const MAX_REMEMBERED = 256;
/** An `initialize` says a few words of its app: nobody keeps megabytes here. */
const MAX_HANDSHAKE = 64 * 1_024;

/** The wait of an app's `server/discover`. */
interface Wait {
  readonly since: number;
  /** It was in vain. */
  isOver: boolean;
}

export class Reception {
  readonly #gateway: Gateway;
  /** By app. */
  readonly #waits = new Map<string, Wait>();

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  /** Never rejects. */
  async receive(first: FirstMessage): Promise<Welcome> {
    const { refusal, message, isRepeated } = first;
    if (refusal.refused !== "SIGN_IN_PENDING" || !isOpening(message)) return refusal;
    if (isRepeated) return answer(first, refusal);
    if (await this.#isSignedIn(first)) return "again";
    if (first.isGone()) return refusal;
    // Asked anew: there is less time left by now, or it is another attempt.
    const now = await this.#gateway.tokens.get();
    if (isRefusal(now)) return answer(first, now);
    return now === undefined ? answer(first, refusal) : "again";
  }

  /** Waits, but once for each app: one of both eras asks twice, and does not wait for ever for its first answer. */
  async #isSignedIn(first: FirstMessage): Promise<boolean> {
    const { tokens } = this.#gateway;
    const app = nameOf(first);
    if (first.message.method === "initialize") {
      const left = this.#left(this.#waits.get(app));
      this.#waits.delete(app);
      return left > 0 && tokens.signedIn(left);
    }
    const wait: Wait = { since: performance.now(), isOver: false };
    if (this.#waits.size >= MAX_REMEMBERED) this.#waits.clear();
    this.#waits.set(app, wait);
    const isSignedIn = await tokens.signedIn(LIMIT);
    wait.isOver = true;
    return isSignedIn;
  }

  #left(wait: Wait | undefined): Duration {
    const passed = wait ? performance.now() - wait.since : Infinity;
    if (!wait || passed > MEMORY) return LIMIT;
    return wait.isOver ? 0 : Math.max(0, LIMIT - passed);
  }
}

/** What the client can say by itself, knowing why the server cannot be asked. */
function answer({ message }: FirstMessage, why: Refusal): Welcome {
  const isGreeted = why.refused === "SIGN_IN_PENDING" && message.method === "initialize";
  if (!isGreeted || message.text.length > MAX_HANDSHAKE) return why;
  const text = greet(message, publicMessage(why));
  return text === undefined ? why : { answer: text };
}

function nameOf({ path, headers }: Sent): string {
  const at = headers.indexOf("user-agent");
  return at < 0 ? path : `${path} ${headers[at + 1]}`;
}
