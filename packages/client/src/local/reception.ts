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
/** An app of both eras asks twice: it has waited once when its second message comes. */
const MEMORY: Duration = 60_000;
const MAX_REMEMBERED = 256;
/** An `initialize` says a few words of its app: nobody keeps megabytes here. */
const MAX_HANDSHAKE = 64 * 1_024;

export class Reception {
  readonly #gateway: Gateway;
  /** By app: when its `server/discover` has waited in vain. */
  readonly #waited = new Map<string, number>();

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  /** Never rejects. */
  async receive(first: FirstMessage): Promise<Welcome> {
    const { refusal, message, isRepeated } = first;
    if (refusal.refused !== "SIGN_IN_PENDING" || !isOpening(message)) return refusal;
    if (isRepeated) return answer(first, refusal);
    const { tokens } = this.#gateway;
    if (this.#mayWait(first)) {
      if (await tokens.signedIn(LIMIT)) return "again";
      if (message.method === "server/discover") this.#remember(first);
      if (first.isGone()) return refusal;
    }
    // Asked anew: there is less time left by now, or it is another attempt.
    const now = await tokens.get();
    if (isRefusal(now)) return answer(first, now);
    return now === undefined ? answer(first, refusal) : "again";
  }

  #mayWait(first: FirstMessage): boolean {
    const app = nameOf(first);
    const waited = this.#waited.get(app);
    this.#waited.delete(app);
    const isSecond = waited !== undefined && performance.now() - waited < MEMORY;
    return !isSecond || first.message.method !== "initialize";
  }

  #remember(first: FirstMessage): void {
    if (this.#waited.size >= MAX_REMEMBERED) this.#waited.clear();
    this.#waited.set(nameOf(first), performance.now());
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
