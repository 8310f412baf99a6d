/**
 * Binds a backend's ids to the caller they were given to: what leaves is `<mac>.<id>`, and only the same caller at the same
 * backend gets the id back out of it. What callers must not even read leaves encrypted. Stateless: any replica with the key
 * can open it.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";

import type { Principal } from "./auth/principal.ts";

const MAC_LENGTH = 22;
const MAX_LENGTH = 1_024;
const VISIBLE = /^[\x21-\x7e]+$/;
const CIPHER = "aes-256-gcm";
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;
/** Fits beside a backend's path into the longest request line that is read. */
const MAX_TOKEN_LENGTH = 8_192;
const TOKEN = /^[A-Za-z0-9_-]+$/;

/** More than sessions are used at a time; without them each costs its MAC again. */
const MAX_OPENED = 4_096;

interface Opened {
  readonly caller: string;
  readonly server: string;
  readonly id: string;
}

export class Seal {
  readonly #key: Buffer;
  readonly #hidingKey: Buffer;
  /** By what was wrapped, and found good before: a session's next request asks the same, and a MAC costs 4 us. */
  readonly #opened = new Map<string, Opened>();

  /** @param key at least 16 bytes that nobody else knows */
  constructor(key: Buffer) {
    this.#key = key;
    // A key of its own: what one use gives away must not help against the other.
    this.#hidingKey = Buffer.from(hkdfSync("sha256", key, "", "smcp hidden text", 32));
  }

  wrap(principal: Principal, server: string, id: string): string {
    return `${this.#mac(principal, server, id)}.${id}`;
  }

  /** The id inside, `undefined` when it was not given to this caller at this backend. */
  unwrap(principal: Principal, server: string, wrapped: string): string | undefined {
    const opened = this.#opened.get(wrapped);
    if (opened && opened.caller === principal.key && opened.server === server) return opened.id;
    if (wrapped.length > MAX_LENGTH || wrapped[MAC_LENGTH] !== "." || !VISIBLE.test(wrapped)) return undefined;
    const id = wrapped.slice(MAC_LENGTH + 1);
    const mac = Buffer.from(wrapped.slice(0, MAC_LENGTH));
    if (!timingSafeEqual(mac, Buffer.from(this.#mac(principal, server, id)))) return undefined;
    if (this.#opened.size >= MAX_OPENED) this.#opened.clear();
    this.#opened.set(wrapped, { caller: principal.key, server, id });
    return id;
  }

  /**
   * A token of `A-Z a-z 0-9 - _` that holds a text; two of the same text differ.
   *
   * @param place where it is good: any text that names the backend
   */
  hide(principal: Principal, place: string, text: string): string {
    const nonce = randomBytes(NONCE_LENGTH);
    const cipher = createCipheriv(CIPHER, this.#hidingKey, nonce).setAAD(aboutOf(principal, place));
    const hidden = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), hidden]).toString("base64url");
  }

  /** The text in a token, `undefined` when it was not given to this caller at this place. */
  reveal(principal: Principal, place: string, token: string): string | undefined {
    if (token.length > MAX_TOKEN_LENGTH || !TOKEN.test(token)) return undefined;
    const bytes = Buffer.from(token, "base64url");
    const start = NONCE_LENGTH + TAG_LENGTH;
    if (bytes.length < start) return undefined;
    try {
      const decipher = createDecipheriv(CIPHER, this.#hidingKey, bytes.subarray(0, NONCE_LENGTH), {
        authTagLength: TAG_LENGTH,
      });
      decipher.setAAD(aboutOf(principal, place)).setAuthTag(bytes.subarray(NONCE_LENGTH, start));
      return decipher.update(bytes.subarray(start), undefined, "utf8") + decipher.final("utf8");
    } catch {
      // Not ours, or given to somebody else.
      return undefined;
    }
  }

  #mac(principal: Principal, server: string, id: string): string {
    const text = JSON.stringify([principal.issuer, principal.subject, server, id]);
    return createHmac("sha256", this.#key).update(text).digest("base64url").slice(0, MAC_LENGTH);
  }
}

function aboutOf({ issuer, subject }: Principal, place: string): Buffer {
  return Buffer.from(JSON.stringify([issuer, subject, place]));
}
