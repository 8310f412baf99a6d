/**
 * Begins interactive sign-ins, one at a time: learns what to ask for, starts the flow, puts it before the person, keeps what
 * comes of it. Every process of a profile has one of these; the attempt itself is had by one of them.
 */
import { hostname } from "node:os";

import type { ClientSettings } from "@smcp/config";
import {
  describeError,
  Failure,
  isRefusal,
  refuse,
  systemClock,
  type Clock,
  type Duration,
  type Log,
  type Refusal,
} from "@smcp/core";

import { backOff } from "../back-off.ts";
import { readPin, writePin } from "../store/pins.ts";
import type { ProfilePlace } from "../store/place.ts";
import type { SessionStore } from "../store/store.ts";
import type { BoundedFetch } from "../tokens/bounded-fetch.ts";
import { openBinding } from "../tokens/dpop-grant.ts";
import { grantFailure } from "../tokens/grant-failure.ts";
import type { Session } from "../tokens/session.ts";
import {
  Attempts,
  refusalIn,
  type AttemptHistory,
  type AttemptRecord,
  type Claim,
  type EndedAttempt,
} from "./attempt.ts";
import { startBrowserFlow } from "./browser.ts";
import { clientAtIssuer, Registrations } from "./client-at-issuer.ts";
import { startDeviceFlow } from "./device.ts";
import { pause, type Flow, type FlowEnd, type FlowParts, type FlowRequest } from "./flow.ts";
import type { Person } from "./person.ts";
import { makePlan, type Plan } from "./plan.ts";
import type { PendingSignIn, SignInPort, SignInReason } from "./sign-in.ts";
import { promptLines, type Prompt } from "./words.ts";

/** What interactive sign-in uses of its surroundings. */
export interface InteractiveParts {
  readonly settings: ClientSettings;
  readonly place: ProfilePlace;
  readonly store: SessionStore;
  readonly fetch: BoundedFetch;
  readonly log: Log;
  /** `undefined`: nobody sits here; what to do is logged. */
  readonly person?: Person | undefined;
  /** The end of the program: what is under way is given up. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly pause?: FlowParts["pause"];
}

/** Attempts in a row that nobody finished, after which no browser is opened any more. */
const MOST_OPENINGS = 3;
/** After a person said no: an app that asks again at once does not put the page before them again. */
const DECLINED_PAUSE: Duration = 60_000;
/** How often others look how an attempt of another process is getting on. */
const LOOK: Duration = 250;
/** How long another process may take to know what to show. */
const PATIENCE: Duration = 45_000;

interface Failed {
  readonly refusal: Refusal;
  readonly from: number;
  readonly pause: Duration;
  readonly count: number;
}

/** Builds the beginning of sign-ins; asks nobody anything yet. */
export function interactiveSignIn(parts: InteractiveParts): SignInPort["begin"] {
  const starter = new Starter(parts);
  return (why) => starter.begin(why);
}

class Starter {
  readonly #parts: InteractiveParts;
  readonly #flowParts: FlowParts;
  readonly #attempts: Attempts;
  readonly #registrations = new Registrations();
  #pending: PendingSignIn | undefined;
  #starting: Promise<PendingSignIn | Refusal> | undefined;
  #failed: Failed | undefined;
  /** The issuer of the last sign-in in this process: for profiles that are not kept on disk. */
  #pinned: string | undefined;

  constructor(parts: InteractiveParts) {
    const clock = parts.clock ?? systemClock;
    this.#parts = parts;
    this.#flowParts = { clock, log: parts.log, pause: parts.pause ?? pause, signal: parts.signal };
    this.#attempts = new Attempts(parts.place, clock, parts.log);
  }

  begin(why: SignInReason): Promise<PendingSignIn | Refusal> {
    if (this.#pending) return Promise.resolve(this.#pending);
    const failed = this.#failed;
    const isTooSoon = failed && this.#flowParts.clock.elapsed() - failed.from < failed.pause;
    if (isTooSoon && why.isAsked !== true) return Promise.resolve(failed.refusal);
    this.#starting ??= this.#start(why)
      .catch((error: unknown) => this.#broken(error))
      .finally(() => (this.#starting = undefined));
    return this.#starting;
  }

  async #start(why: SignInReason): Promise<PendingSignIn | Refusal> {
    const claim = await this.#attempts.claim();
    if (!("end" in claim)) return this.#follow(claim);
    const history = await this.#attempts.history();
    const refusal = await this.#refusedBefore(why, history);
    if (refusal) {
      await claim.end(history);
      return refusal;
    }
    const started = await this.#startFlow(why);
    if (isRefusal(started)) {
      await claim.end({ ...history, last: lastOf(claim, started, this.#now()) });
      return this.#fail(started);
    }
    return this.#present(why, { claim, history, ...started });
  }

  /** A person's no holds for a while; a scope that the provider did not grant is not asked for again. */
  async #refusedBefore(why: SignInReason, history: AttemptHistory): Promise<Refusal | undefined> {
    if (why.isAsked === true) return undefined;
    const { last, asked } = history;
    if (last?.until !== undefined && last.until > this.#now()) return refusalIn(history, last.nonce);
    const { scopes = [] } = why;
    if (why.isStepUp !== true || !asked || !scopes.every((one) => asked.includes(one))) return undefined;
    const session = await this.#parts.store.read();
    // A session that is over is signed in anew; one that lives was refused for its scopes.
    const isAlive = session && this.#now() < session.obtainedAt + (session.lifetime ?? Number.POSITIVE_INFINITY);
    if (isAlive !== true) return undefined;
    const reason = `the server asks for the scope "${scopes.join(" ")}", and the identity provider was asked for it and did not help: ask whoever runs it`;
    return refuse("SIGN_IN_REFUSED", { reason }, { reason });
  }

  /** Learns what to ask for and starts the flow. Never rejects. */
  async #startFlow(why: SignInReason): Promise<Started | Refusal> {
    const { settings, place, store, fetch, log } = this.#parts;
    const [pin, session] = await Promise.all([readPin(place), store.read()]);
    this.#registrations.recall(pin);
    const plan = await makePlan(settings, why, { pinned: pin?.issuer ?? this.#pinned, session }, { fetch, log });
    if (isRefusal(plan)) return plan;
    const kind = chooseFlow(settings, plan, this.#parts.person);
    const { issuer, scopes, resource, audience, isBound } = plan;
    const before = session?.issuer === issuer ? session.dpopKey : undefined;
    const binding = isBound ? await openBinding(settings.oidc.dpop, before) : undefined;
    const request: FlowRequest = {
      issuer,
      scopes,
      resource,
      audience,
      binding,
      client: (redirectUri) =>
        clientAtIssuer(settings, plan, { fetch, registrations: this.#registrations, redirectUri }),
    };
    try {
      const flow =
        kind === "device"
          ? await startDeviceFlow(request, this.#flowParts)
          : await startBrowserFlow(request, this.#callbackPlace(issuer), this.#flowParts);
      return { plan, flow };
    } catch (error) {
      if (error instanceof Failure) return refused(`${error.message}: ${error.hint}`);
      const grant = kind === "device" ? "device code" : "authorization code";
      return grantFailure(error, new URL(issuer).host, grant).refusal;
    }
  }

  #callbackPlace(issuer: string): Parameters<typeof startBrowserFlow>[1] {
    const {
      redirectHost = "127.0.0.1",
      redirectPorts = [],
      allowsUnadvertisedPkce = false,
    } = this.#parts.settings.oidc;
    const before = this.#registrations.portAt(issuer);
    const ports = redirectPorts.length === 0 && before !== undefined ? [before, 0] : redirectPorts;
    return { host: redirectHost, ports, allowsUnadvertisedPkce };
  }

  /** Shows it to others, to the person, and keeps what comes of it. */
  async #present(why: SignInReason, started: Started & Claimed): Promise<PendingSignIn> {
    const { claim, history, flow } = started;
    const { url, code, expiresAt } = flow;
    await claim.publish({ url, expiresAt, ...(code !== undefined && { code }) });
    const done = flow.ended.then((end) => this.#finish(end, started));
    const pending: PendingSignIn = { url, code, expiresAt, done };
    this.#holdUntilDone(pending);
    await this.#show(started, why.isAsked === true || history.unanswered < MOST_OPENINGS);
    return pending;
  }

  async #show({ plan, flow, claim }: Started & Claimed, mayOpen: boolean): Promise<void> {
    const { settings, person, log } = this.#parts;
    const page = new URL(flow.completeUrl ?? flow.url);
    const wantsOpening = mayOpen && settings.opensBrowser !== false && person?.hasBrowser === true;
    if (wantsOpening) log.info({ issuer: plan.issuer }, `opening a browser to sign in at ${new URL(plan.issuer).host}`);
    const prompt: Prompt = {
      server: settings.serverUrl.host,
      issuer: new URL(plan.issuer).host,
      url: flow.url,
      completeUrl: flow.completeUrl,
      code: flow.code,
      startedAt: claim.record.startedAt,
      expiresAt: flow.expiresAt,
      machine: hostname(),
      isOpened: wantsOpening && (await person.open(page)),
    };
    if ((await person?.show(prompt)) === true) return;
    const { url, code } = flow;
    log.warn(
      { url, ...(code !== undefined && { code }) },
      promptLines(prompt)
        .map((one) => one.trim())
        .join("; "),
    );
  }

  async #finish(end: FlowEnd, started: Started & Claimed): Promise<Session | Refusal> {
    const result = await this.#settle(end, started);
    // The page comes last: whoever reads it goes back to an app that works.
    void started.flow.close("session" in end);
    return result;
  }

  async #settle(end: FlowEnd, { claim, history, plan }: Started & Claimed): Promise<Session | Refusal> {
    if ("session" in end) {
      await this.#keep(end.session, plan);
      this.#failed = undefined;
      await claim.end({ unanswered: 0, asked: plan.scopes });
      return end.session;
    }
    const { refusal, how } = end;
    if (how !== "stopped") await this.#forgetClient();
    const until = how === "refused" ? this.#now() + DECLINED_PAUSE : undefined;
    const unanswered = history.unanswered + (how === "stopped" ? 0 : 1);
    await claim.end({
      ...history,
      unanswered,
      last: { ...lastOf(claim, refusal, this.#now()), ...(until && { until }) },
    });
    if (how !== "stopped")
      this.#parts.log.warn({ reason: refusal.reason ?? refusal.facts?.["reason"] }, "not signed in");
    return refusal;
  }

  /** A provider that forgot the client tells the person, not us: the next attempt registers another one. */
  async #forgetClient(): Promise<void> {
    const { last } = this.#registrations;
    if (!last) return;
    this.#registrations.last = undefined;
    const pin = await readPin(this.#parts.place);
    if (pin) await writePin(this.#parts.place, { issuer: pin.issuer });
  }

  async #keep(session: Session, { issuer }: Plan): Promise<void> {
    const { place, store, log } = this.#parts;
    this.#pinned = issuer;
    try {
      await store.exclusively(() => store.write(session));
      await writePin(place, this.#registrations.pinAt(issuer));
    } catch (error) {
      log.warn({ reason: describeError(error) }, "the sign-in cannot be kept: it ends with this program");
    }
    log.info({ issuer, subject: session.subject }, `signed in at ${new URL(issuer).host}${nameOf(session)}`);
  }

  /** Waits for the attempt of another process. */
  async #follow(record: AttemptRecord): Promise<PendingSignIn | Refusal> {
    const shown = await this.#shownBy(record);
    if (!shown) {
      const result = await this.#resultOf(record);
      // It was over before it could be shown.
      return isRefusal(result)
        ? result
        : {
            url: result.issuer,
            code: undefined,
            expiresAt: this.#now(),
            isElsewhere: true,
            done: Promise.resolve(result),
          };
    }
    this.#parts.log.info({ url: shown.url, code: shown.code }, "a sign-in is under way in another process");
    const done = this.#ended(record);
    const { url, code, expiresAt } = shown;
    const pending: PendingSignIn = { url, code, expiresAt, isElsewhere: true, done };
    this.#holdUntilDone(pending);
    return pending;
  }

  #holdUntilDone(pending: PendingSignIn): void {
    this.#pending = pending;
    void pending.done.finally(() => {
      if (this.#pending === pending) this.#pending = undefined;
    });
  }

  async #shownBy({ nonce, startedAt }: AttemptRecord): Promise<AttemptRecord["shown"]> {
    const { clock, pause, signal } = this.#flowParts;
    for (;;) {
      const current = await this.#attempts.current();
      if (current?.nonce !== nonce || signal.aborted || clock.now() - startedAt > PATIENCE) return undefined;
      if (current.shown) return current.shown;
      await pause(LOOK, signal);
    }
  }

  async #ended(record: AttemptRecord): Promise<Session | Refusal> {
    const { pause, signal } = this.#flowParts;
    while (!signal.aborted && (await this.#attempts.current())?.nonce === record.nonce) await pause(LOOK, signal);
    return this.#resultOf(record);
  }

  async #resultOf({ nonce, startedAt }: AttemptRecord): Promise<Session | Refusal> {
    const session = await this.#parts.store.read();
    if (session && session.obtainedAt >= startedAt) return session;
    const refusal = refusalIn(await this.#attempts.history(), nonce);
    return refusal ?? refused("the sign-in in another process ended without an answer");
  }

  #now(): number {
    return this.#flowParts.clock.now();
  }

  #fail(refusal: Refusal): Refusal {
    const count = (this.#failed?.count ?? 0) + 1;
    this.#failed = { refusal, from: this.#flowParts.clock.elapsed(), pause: backOff(count, Math.random()), count };
    return refusal;
  }

  #broken(error: unknown): Refusal {
    this.#parts.log.error({ reason: describeError(error) }, "the sign-in met a bug in smcp");
    return this.#fail(refused("the sign-in met a bug in smcp; its log says more"));
  }
}

interface Started {
  readonly plan: Plan;
  readonly flow: Flow;
}

interface Claimed {
  readonly claim: Claim;
  readonly history: AttemptHistory;
}

function chooseFlow(
  { oidc }: ClientSettings,
  { metadata, advice }: Plan,
  person: Person | undefined,
): "browser" | "device" {
  if (oidc.flow === "browser" || oidc.flow === "device") return oidc.flow;
  const isWanted = (flow: string): boolean => advice.flows.length === 0 || advice.flows.includes(flow);
  const canBrowse = metadata.authorization_endpoint !== undefined && isWanted("browser");
  const hasDevice = metadata.device_authorization_endpoint !== undefined && isWanted("device");
  if (canBrowse && person?.hasBrowser === true) return "browser";
  return hasDevice ? "device" : "browser";
}

function lastOf({ record }: Claim, { refused, facts, reason }: Refusal, at: number): EndedAttempt {
  return { nonce: record.nonce, at, refused, reason: facts?.["reason"] ?? reason ?? "" };
}

function nameOf({ name, email, subject }: Session): string {
  const who = email ?? name ?? subject;
  return who === undefined ? "" : ` as ${who}`;
}

function refused(reason: string): Refusal {
  return refuse("SIGN_IN_REFUSED", { reason }, { reason });
}
