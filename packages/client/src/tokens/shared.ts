/**
 * The tokens of a person's sign-in, shared by every process of a profile: from memory, else from the store, else renewed
 * under the store's lock, early and in the background. A token that still lives is never given up; a person is asked only
 * when nothing else is left.
 */
import { describeError, isRefusal, publicMessage, refuse, Secret, type Duration, type Refusal } from "@smcp/core";

import { MAX_SCOPES, scopesIn } from "../sign-in/scopes.ts";
import type { PendingSignIn, SignInPort, SignInReason } from "../sign-in/sign-in.ts";
import type { SessionStore } from "../store/store.ts";
import { identityOf, promptOf } from "./describe.ts";
import { Failures } from "./failures.ts";
import type { GrantRefused } from "./kept.ts";
import {
  hold,
  isFreshReplacement,
  momentAt,
  momentOf,
  remainingOf,
  type Held,
  type HoldRules,
  type Moment,
} from "./lifetime.ts";
import type { Session } from "./session.ts";
import type { SignInState, Token, TokenChallenge, Tokens } from "./tokens.ts";
import { Watchers } from "./watchers.ts";

export interface ShareRules extends HoldRules {
  /** True: nothing is sent without a token. False: only once the server asked for one. */
  readonly isNeeded: boolean;
  /** Called after every token request. */
  attempted(refusal: Refusal | undefined): void;
  /** What an app is told while a sign-in waits for a person. */
  pending(signIn: PendingSignIn): Refusal;
}

/**
 * Tokens over a store.
 *
 * @param store opened when a token is needed first
 */
export function sharedTokens(store: () => Promise<SessionStore>, port: SignInPort, rules: ShareRules): Tokens {
  return new SharedTokens(store, port, rules);
}

/** The session in hand. */
interface Mine {
  readonly session: Session;
  readonly held: Held;
}

/** A refresh token that the issuer refused; once more at the end of the access token where it was early. */
interface Spent {
  readonly text: string;
  readonly isEarly: boolean;
}

/** How often the store is looked at for what other processes did: signed in, and signed out. */
const LOOK_PAUSE: Duration = 5_000;
const LOOK_PAUSE_OUT: Duration = 1_000;
/** How long nothing is tried for a token that nothing can renew. */
const REST: Duration = 5_000;

class SharedTokens implements Tokens {
  readonly proofs: HoldRules["proofs"];
  readonly #open: () => Promise<SessionStore>;
  readonly #port: SignInPort;
  readonly #rules: ShareRules;
  readonly #failures: Failures;
  readonly #watchers: Watchers;
  #opening: Promise<SessionStore> | undefined;
  #store: SessionStore | undefined;
  #mine: Mine | undefined;
  #attempt: Promise<Token> | undefined;
  /** What was in hand as the attempt under way began. */
  #before: Mine | undefined;
  /** The access token that was taken last. */
  #newest: string | undefined;
  #stepping: Promise<Token> | undefined;
  #pending: PendingSignIn | undefined;
  #isAsked: boolean;
  /** What the server said when it asked for a sign-in last. */
  #why: SignInReason = {};
  /** The access token that the server refused. */
  #refused: string | undefined;
  #spent: Spent | undefined;
  /** Scopes that a person was asked for because the server wanted them. */
  readonly #steppedUp = new Set<string>();
  /** Somebody was told that nobody is signed in. */
  #isOut = false;
  #hasNews = false;
  #lookedAt = -Infinity;
  #restsUntil = -Infinity;

  constructor(open: () => Promise<SessionStore>, port: SignInPort, rules: ShareRules) {
    this.#open = open;
    this.#port = port;
    this.#rules = rules;
    this.proofs = rules.proofs;
    this.#isAsked = rules.isNeeded;
    this.#failures = new Failures(rules.clock, () => rules.random());
    this.#watchers = new Watchers(() => void this.#look());
  }

  async get(): Promise<Token> {
    const mine = this.#mine;
    if (!mine) return this.#isAsked || this.#isTimeToLook() ? this.#first() : undefined;
    const { held } = mine;
    if (this.#pending && held.token.reveal() === this.#refused) return this.#rules.pending(this.#pending);
    if (this.#isTimeToLook()) void this.#look();
    return this.#remaining(held) > held.thresholds.soft ? held.token : this.#late(mine);
  }

  /** Nothing is in hand: what the store has is looked for; the last seconds of a token count where it cannot be renewed. */
  async #first(): Promise<Token> {
    const found = await this.#renewed(false);
    return isRefusal(found) && this.#isAlive ? this.#mine?.held.token : found;
  }

  /** A token that ends soon: it is renewed, and serves meanwhile, and where that fails. */
  async #late(mine: Mine): Promise<Token> {
    const { token, thresholds } = mine.held;
    const remaining = this.#remaining(mine.held);
    if (remaining > 0 && this.#rules.clock.elapsed() < this.#restsUntil) return token;
    const renewal = this.#renewed(false);
    if (remaining > thresholds.hard) return token;
    const renewed = await renewal;
    return isRefusal(renewed) && this.#mine === mine && this.#remaining(mine.held) > 0 ? token : renewed;
  }

  renew(used: Secret | undefined, challenge: TokenChallenge = {}): Promise<Token> {
    this.#isAsked = true;
    const mine = this.#mine;
    const scopes = scopesIn(challenge.scope);
    this.#why = { ...(scopes.length > 0 && { scopes }), metadata: challenge.metadata };
    if (!mine || this.#remaining(mine.held) <= 0) return this.#renewed(true);
    const { token } = mine.held;
    if (token !== used) return Promise.resolve(token);
    if (challenge.error === "insufficient_scope") return this.#stepUp(mine, scopes);
    if (isFreshReplacement(mine.held, this.#rules.clock)) return Promise.resolve(token);
    this.#refused = token.reveal();
    return this.#renewed(true);
  }

  async signedIn(limit: Duration): Promise<boolean> {
    const token = await this.get();
    if (token instanceof Secret) return true;
    return this.#pending ? this.#watchers.wait(limit) : false;
  }

  onSignedIn(call: () => void): () => void {
    return this.#watchers.add(call, this.#isOut);
  }

  describe(): SignInState {
    const mine = this.#mine;
    const pending = this.#pending;
    const { last } = this.#failures;
    const isRenewable = mine !== undefined && this.#canRefresh(mine.session);
    const isIn = mine !== undefined && (isRenewable || this.#remaining(mine.held) > 0);
    const out = pending ? "signing-in" : this.#isAsked ? "signed-out" : "unneeded";
    return {
      state: isIn ? "signed-in" : out,
      ...(isIn && { ...identityOf(mine.session), isRenewable, expiresAt: this.#expiryOf(mine) }),
      ...(this.#store && { isLasting: this.#store.isLasting }),
      ...(pending && promptOf(pending)),
      ...(last && { problem: publicMessage(last) }),
    };
  }

  #expiryOf({ held }: Mine): number {
    return this.#rules.clock.now() + this.#remaining(held);
  }

  #remaining(held: Held): Duration {
    return remainingOf(held, this.#rules.clock);
  }

  get #isAlive(): boolean {
    const mine = this.#mine;
    return mine !== undefined && this.#remaining(mine.held) > 0 && mine.held.token.reveal() !== this.#refused;
  }

  #opened(): Promise<SessionStore> {
    this.#opening ??= this.#open().then((store) => (this.#store = store));
    return this.#opening;
  }

  /** The attempt under way, or a new one unless the last failure is too recent. */
  #renewed(isReplacement: boolean): Promise<Token> {
    if (this.#attempt) return this.#attempt;
    const failed = this.#failures.current;
    if (failed) {
      if (this.#isTimeToLook()) void this.#look();
      return Promise.resolve(failed);
    }
    this.#attempt = this.#obtain(isReplacement).finally(() => {
      this.#attempt = undefined;
      this.#tellNews();
    });
    return this.#attempt;
  }

  async #obtain(isReplacement: boolean): Promise<Token> {
    this.#before = this.#mine;
    const store = await this.#opened();
    this.#lookedAt = this.#rules.clock.elapsed();
    const stored = await store.read();
    if (stored && this.#isNews(stored)) return this.#adopt(stored);
    const taken = this.#takenMeanwhile();
    if (taken) return taken;
    if (stored || this.#mine) {
      const token = await this.#refreshed(store, isReplacement);
      if (token !== undefined) return token;
    }
    return this.#ask();
  }

  async #refreshed(store: SessionStore, isReplacement: boolean): Promise<Secret | Refusal | undefined> {
    try {
      return await store.exclusively(() => this.#refresh(store, isReplacement));
    } catch (error) {
      const reason = "another smcp process is renewing the sign-in and does not finish";
      return this.#fail({ refusal: refuse("NOT_READY", { reason }, { reason: describeError(error) }) });
    }
  }

  /** Under the lock. `undefined`: it takes a person. */
  async #refresh(store: SessionStore, isReplacement: boolean): Promise<Secret | Refusal | undefined> {
    const session = (await store.read()) ?? (await this.#unreadable(store));
    if (!session) this.#mine = undefined;
    const token = session && (await this.#exchange(store, session, isReplacement));
    if (token !== "spent") return token;
    // Somebody without our lock may have been faster.
    const other = await store.read();
    const second = other && (await this.#exchange(store, other, isReplacement));
    return second === "spent" ? undefined : second;
  }

  /** What another process left is taken, else the issuer is asked. `spent`: it takes the refresh token no more. */
  async #exchange(
    store: SessionStore,
    session: Session,
    isReplacement: boolean,
  ): Promise<Secret | Refusal | "spent" | undefined> {
    if (this.#isNews(session)) return this.#adopt(session);
    const taken = this.#takenMeanwhile();
    if (taken) return taken;
    this.#mine ??= { session, held: this.#hold(session, momentAt(session.obtainedAt, this.#rules.clock), false) };
    if (!this.#canRefresh(session)) return undefined;
    const from = momentOf(this.#rules.clock);
    const outcome = await this.#port.refresh(session, session.accessToken.reveal() === this.#refused);
    this.#rules.attempted("refusal" in outcome ? outcome.refusal : undefined);
    if (!("refusal" in outcome)) {
      // On disk before anybody has the token: who loses it now loses the session.
      await store.write(outcome);
      return this.#adopt(outcome, from, isReplacement);
    }
    if (outcome.error !== "invalid_grant") return this.#fail(outcome);
    this.#spent = { text: session.refreshToken?.reveal() ?? "", isEarly: this.#isAlive };
    return "spent";
  }

  /** What a sign-in or a look at the store brought while the attempt was waiting: it is not renewed at once. */
  #takenMeanwhile(): Secret | undefined {
    const mine = this.#mine;
    if (!mine || mine === this.#before) return undefined;
    const { held } = mine;
    return this.#isAlive && this.#remaining(held) > held.thresholds.hard ? held.token : undefined;
  }

  /** A file that is there and cannot be read is not a sign-out: what is in memory goes on, and mends it. */
  async #unreadable(store: SessionStore): Promise<Session | undefined> {
    return this.#mine && (await store.exists()) ? this.#mine.session : undefined;
  }

  /** True for a session that another process left and that serves better than ours. */
  #isNews(session: Session): boolean {
    const text = session.accessToken.reveal();
    const mine = this.#mine;
    if (text === this.#refused || text === mine?.held.token.reveal()) return false;
    if (mine && session.obtainedAt < mine.session.obtainedAt) return false;
    const held = this.#hold(session, momentAt(session.obtainedAt, this.#rules.clock), false);
    return this.#remaining(held) > held.thresholds.hard;
  }

  #canRefresh({ refreshToken }: Session): boolean {
    if (!refreshToken) return false;
    if (this.#spent?.text !== refreshToken.reveal()) return true;
    return this.#spent.isEarly && !this.#isAlive;
  }

  #hold({ accessToken: token, lifetime, dpopKey }: Session, from: Moment, isReplacement: boolean): Held {
    this.proofs?.bind(token, dpopKey);
    return hold({ token, lifetime, from, isReplacement }, this.#rules);
  }

  #adopt(session: Session, from?: Moment, isReplacement = false): Secret {
    const held = this.#hold(session, from ?? momentAt(session.obtainedAt, this.#rules.clock), isReplacement);
    this.#mine = { session, held };
    this.#newest = held.token.reveal();
    this.#failures.clear();
    this.#restsUntil = -Infinity;
    this.#hasNews = this.#isOut;
    this.#isOut = false;
    return held.token;
  }

  #fail({ refusal, retryAfter }: GrantRefused): Refusal {
    this.#failures.add(refusal, retryAfter);
    return refusal;
  }

  /** Asks a person, where it must be. */
  async #ask(): Promise<Token> {
    const mine = this.#mine;
    if (mine && this.#isAlive) {
      // Nothing renews it: it is used to its end.
      this.#restsUntil = this.#rules.clock.elapsed() + Math.min(REST, this.#remaining(mine.held));
      return mine.held.token;
    }
    if (!this.#isAsked) return undefined;
    this.#isOut = true;
    const begun = await this.#begin(this.#why);
    this.#watchers.watch();
    return this.#pending ? begun : this.#fail({ refusal: begun });
  }

  async #begin(why: SignInReason): Promise<Refusal> {
    const begun = await this.#port.begin(why);
    if (isRefusal(begun)) return begun;
    if (this.#pending !== begun) {
      this.#pending = begun;
      void begun.done.then((outcome) => this.#finish(begun, outcome));
    }
    return this.#rules.pending(begun);
  }

  async #finish(begun: PendingSignIn, outcome: Session | Refusal): Promise<void> {
    if (!isRefusal(outcome)) await this.#take(outcome);
    else if (!this.#isAlive) this.#fail({ refusal: outcome });
    if (this.#pending === begun) this.#pending = undefined;
    if (isRefusal(outcome)) this.#watchers.giveUp();
    this.#tellNews();
  }

  /** Takes a sign-in's session; one that was written since then by somebody else is newer. */
  async #take(session: Session): Promise<void> {
    // Taken from the store already: whoever signed out since then meant it.
    if (session.accessToken.reveal() === this.#newest) return;
    const store = await this.#opened();
    const stored = await store.read();
    const isNewest = !stored || stored.obtainedAt <= session.obtainedAt;
    const isStored = stored?.accessToken.reveal() === session.accessToken.reveal();
    if (isNewest && !isStored) await store.exclusively(() => store.write(session)).catch(() => undefined);
    this.#adopt(isNewest ? session : stored);
  }

  /** The server wants scopes that the token lacks: a person is asked for them once. */
  #stepUp({ session, held }: Mine, scopes: readonly string[]): Promise<Token> {
    if (this.#stepping) return this.#stepping;
    if (this.#pending) return Promise.resolve(this.#rules.pending(this.#pending));
    const missing = scopes.filter((one) => !session.scopes.includes(one) && !this.#steppedUp.has(one));
    if (missing.length === 0) return Promise.resolve(held.token);
    for (const one of missing) if (this.#steppedUp.size < MAX_SCOPES) this.#steppedUp.add(one);
    this.#stepping = this.#begin({ ...this.#why, isStepUp: true }).finally(() => {
      this.#stepping = undefined;
    });
    return this.#stepping;
  }

  #isTimeToLook(): boolean {
    const pause = this.#mine ? LOOK_PAUSE : LOOK_PAUSE_OUT;
    return this.#rules.clock.elapsed() - this.#lookedAt >= pause;
  }

  /** Takes notice of what other processes did: a renewal, another account, a sign-out. Never rejects. */
  async #look(): Promise<void> {
    if (this.#attempt) return;
    this.#lookedAt = this.#rules.clock.elapsed();
    const before = this.#mine;
    const store = await this.#opened();
    const stored = await store.read();
    const isThere = stored !== undefined || (await store.exists());
    if (this.#mine !== before || this.#attempt) return;
    if (!isThere) this.#mine = undefined;
    if (stored && this.#isNews(stored)) this.#adopt(stored);
    this.#tellNews();
  }

  #tellNews(): void {
    if (!this.#hasNews) return;
    this.#hasNews = false;
    this.#watchers.tell();
  }
}
