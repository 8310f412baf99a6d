/** A key or token that stands in a file: it is sent as it is, and whoever keeps the file renews it. */
import { stat } from "node:fs/promises";

import { isRefusal, refuse, type Clock, type Duration, type Log, type Refusal, type Secret } from "@smcp/core";

import { readTokenFile, SecretFileUnusable } from "./secret-file.ts";
import type { SignInState, Token, TokenChallenge, Tokens } from "./tokens.ts";

/** Where the token is, and whom it is for. */
export interface TokenFileRules {
  /** Absolute path. */
  readonly file: string;
  /** The server's host, for messages. */
  readonly server: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long a file is believed to be what it was. */
const GLANCE: Duration = 1_000;

/** Tokens for `--token-file`. */
export function tokenFileTokens(rules: TokenFileRules): Tokens {
  return new TokenFile(rules);
}

class TokenFile implements Tokens {
  readonly refusedHint: string;

  readonly #rules: TokenFileRules;
  #token: Secret | undefined;
  /** What the file looked like when it was read. */
  #mark = "";
  #lookedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<Token> | undefined;
  #problem: string | undefined;

  constructor(rules: TokenFileRules) {
    this.#rules = rules;
    this.refusedHint = `put another one into "${rules.file}"`;
  }

  get(): Promise<Token> {
    if (this.#token && this.#rules.clock.elapsed() - this.#lookedAt < GLANCE) return Promise.resolve(this.#token);
    return this.#look();
  }

  async renew(used: Secret | undefined, challenge?: TokenChallenge): Promise<Token> {
    if (challenge?.error === "insufficient_scope") return used;
    this.#mark = "";
    const token = await this.#look();
    if (isRefusal(token) || token?.reveal() !== used?.reveal()) return token;
    const { file, server } = this.#rules;
    return this.#refuse(`the smcp server at ${server} refused the token in "${file}": ${this.refusedHint}`);
  }

  async signedIn(): Promise<boolean> {
    return !isRefusal(await this.get());
  }

  onSignedIn(): () => void {
    return () => undefined;
  }

  describe(): SignInState {
    return {
      state: this.#token ? "signed-in" : "signed-out",
      isLasting: true,
      ...(this.#problem !== undefined && { problem: this.#problem }),
    };
  }

  /** Reads the file if it changed; what was read before stays good where it cannot be read now. */
  #look(): Promise<Token> {
    return (this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    }));
  }

  async #read(): Promise<Token> {
    const { file, clock, log } = this.#rules;
    try {
      const { mtimeMs, ctimeMs, size, ino } = await stat(file);
      const mark = `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
      if (mark !== this.#mark || !this.#token) {
        const token = await readTokenFile(file, "token");
        // The same text is the same token: whoever asks whether there is a newer one is told so.
        if (token.reveal() !== this.#token?.reveal()) this.#token = token;
        this.#mark = mark;
      }
      this.#problem = undefined;
    } catch (error) {
      const reason = reasonOf(error, file);
      if (!this.#token) return this.#refuse(reason);
      if (this.#problem !== reason) log.warn({ reason }, "the token is not read again: the one before is used");
      this.#problem = reason;
    }
    this.#lookedAt = clock.elapsed();
    return this.#token;
  }

  #refuse(reason: string): Refusal {
    this.#problem = reason;
    return refuse("SIGN_IN_REFUSED", { reason }, { reason });
  }
}

function reasonOf(error: unknown, file: string): string {
  if (error instanceof SecretFileUnusable) return error.message;
  const { code = "unknown" } = error as NodeJS.ErrnoException;
  return `the token file "${file}" cannot be read (${code})`;
}
