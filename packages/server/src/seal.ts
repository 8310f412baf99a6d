/**
 * Binds a backend's ids to the caller they were given to: what leaves is `<mac>.<id>`, and only the same caller at the same
 * backend gets the id back out of it. Stateless: any replica with the key can open it.
 */
import { createHmac, timingSafeEqual } from "node:crypto";

import type { Principal } from "./auth/principal.ts";

const MAC_LENGTH = 22;
const MAX_LENGTH = 1_024;
const VISIBLE = /^[\x21-\x7e]+$/;

export class Seal {
  readonly #key: Buffer;

  /** @param key at least 16 bytes that nobody else knows */
  constructor(key: Buffer) {
    this.#key = key;
  }

  wrap(principal: Principal, server: string, id: string): string {
    return `${this.#mac(principal, server, id)}.${id}`;
  }

  /** The id inside, `undefined` when it was not given to this caller at this backend. */
  unwrap(principal: Principal, server: string, wrapped: string): string | undefined {
    if (wrapped.length > MAX_LENGTH || wrapped[MAC_LENGTH] !== "." || !VISIBLE.test(wrapped)) return undefined;
    const id = wrapped.slice(MAC_LENGTH + 1);
    const mac = Buffer.from(wrapped.slice(0, MAC_LENGTH));
    return timingSafeEqual(mac, Buffer.from(this.#mac(principal, server, id))) ? id : undefined;
  }

  #mac(principal: Principal, server: string, id: string): string {
    const text = JSON.stringify([principal.issuer, principal.subject, server, id]);
    return createHmac("sha256", this.#key).update(text).digest("base64url").slice(0, MAC_LENGTH);
  }
}
