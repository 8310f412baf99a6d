/**
 * The secret that local apps must send: as `Authorization: Bearer <secret>`, or in front of the path as `/s/<secret>` where
 * an app cannot set headers. It ends here: neither the server nor the log gets to see it.
 */
import { hash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

import { refuse, type Refusal, type Secret } from "@smcp/core";
import type { Admitted } from "@smcp/edge";

/** What the path said of the secret. */
export type Claim = "right" | "wrong" | "none";

const PREFIX = "/s/";
const BEARER = /^Bearer +(\S+)$/i;

export class LocalSecret {
  // Of equal length whatever was sent, and the text itself stands in no further place.
  readonly #digest: Buffer;

  constructor(secret: Secret) {
    this.#digest = digest(secret.reveal());
  }

  /** Takes `/s/<secret>` off the target; of a wrong one all is taken, as it is perhaps nearly right. */
  take(incoming: IncomingMessage): Claim {
    const { url = "" } = incoming;
    if (!url.startsWith(PREFIX)) return "none";
    const end = url.slice(PREFIX.length).search(/[/?]/);
    const length = end < 0 ? url.length : PREFIX.length + end;
    const sent = decode(url.slice(PREFIX.length, length));
    if (sent === undefined || !this.#isRight(sent)) {
      incoming.url = PREFIX;
      return "wrong";
    }
    const rest = url.slice(length);
    incoming.url = rest.startsWith("/") ? rest : `/${rest}`;
    return "right";
  }

  /** Refuses a request without the secret. Health tells nothing, and those who watch over us have no secret. */
  judge(claim: Claim, { method, target, headers }: Admitted): Refusal | undefined {
    if (claim === "right") return undefined;
    if (claim === "wrong") return refuse("LOCAL_SECRET", undefined, { reason: "the one in the path is wrong" });
    if (method === "GET" && target.path === "/health") return undefined;
    const sent = headers.get("authorization");
    if (sent === undefined) return refuse("LOCAL_SECRET", undefined, { reason: "none was sent" });
    const [, token] = BEARER.exec(sent) ?? [];
    if (token !== undefined && this.#isRight(token)) return undefined;
    return refuse("LOCAL_SECRET", undefined, { reason: "the one in Authorization is wrong" });
  }

  #isRight(sent: string): boolean {
    return timingSafeEqual(digest(sent), this.#digest);
  }
}

function digest(text: string): Buffer {
  return hash("sha256", text, "buffer");
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
