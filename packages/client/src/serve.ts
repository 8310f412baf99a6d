/** The local endpoint: answers its own few routes, everything else goes to the server, its bytes unread. */
import type { IncomingMessage } from "node:http";

import {
  isRefusal,
  readMessage,
  refuse,
  catalogue,
  type Bytes,
  type Entry,
  type Message,
  type Refusal,
} from "@smcp/core";
import { judgeBody, readBody, relay, type Admitted, type Gate, type RelayRequest, type Reply } from "@smcp/edge";

import { deliver } from "./deliver.ts";
import { pathAt, type Gateway } from "./gateway.ts";
import { requestHeaders } from "./headers.ts";
import type { LocalSecret } from "./local-secret.ts";
import type { Connection } from "./local/connections.ts";
import type { Step } from "./local/conversation.ts";
import { answerTo } from "./local/greeting.ts";
import type { LocalSession } from "./local/session.ts";
import type { LocalSessions } from "./local/sessions.ts";
import type { Outcome } from "./metrics.ts";
import { introductionIn } from "./status/apps.ts";

export interface ServeRules {
  readonly gate: Gate;
  /** Further request headers that pass, lower-case. */
  readonly forwardHeaders: readonly string[];
  readonly maxBody: Bytes;
  /** `undefined`: no metrics. */
  readonly metricsPath: string | undefined;
  /** `undefined`: nobody is asked for one. */
  readonly secret: LocalSecret | undefined;
  /** Sessions of apps that came while nobody was signed in. `undefined`: there is no sign-in that could come. */
  readonly local: LocalSessions | undefined;
}

/** Handles one request of a local app; rejects only on a bug. */
export function serve(
  gateway: Gateway,
  connection: Connection<ServeRules>,
  incoming: IncomingMessage,
  reply: Reply,
): Promise<void> {
  return new Exchange(gateway, connection, incoming, reply).run();
}

class Exchange {
  readonly #gateway: Gateway;
  readonly #connection: Connection<ServeRules>;
  readonly #rules: ServeRules;
  readonly #incoming: IncomingMessage;
  readonly #reply: Reply;
  readonly #started = performance.now();
  #body: Buffer | null = null;
  #outcome: Outcome = "relayed";

  constructor(gateway: Gateway, connection: Connection<ServeRules>, incoming: IncomingMessage, reply: Reply) {
    this.#gateway = gateway;
    this.#connection = connection;
    this.#rules = connection.rules;
    this.#incoming = incoming;
    this.#reply = reply;
    reply.onClosed(({ complete, status }) => {
      // A shutdown of a stream that stays open by design is its normal end.
      const isBroken = !complete && this.#outcome === "relayed" && !reply.isStanding;
      const ms = performance.now() - this.#started;
      gateway.metrics.request(isBroken ? "broken" : this.#outcome, ms);
      if (this.#outcome === "relayed") this.#log(isBroken ? `${status} broken off` : String(status), status, ms);
    });
  }

  /** One line for each request that was relayed; one that was refused has its own. */
  #log(outcome: string, status: number, elapsed: number): void {
    const { log } = this.#gateway;
    if (!log.isInfo) return;
    const ms = Math.round(elapsed);
    // Without its query, in which some apps carry a key.
    const http = `${this.#incoming.method} ${this.#incoming.url?.split("?", 1)[0]}`;
    log.info({ request_id: this.#reply.requestId, http, status, ms }, `${http}: ${outcome} in ${ms} ms`);
  }

  async run(): Promise<void> {
    const { gate, secret } = this.#rules;
    // First of all: what comes after, the log too, sees the request without its secret.
    const claim = secret?.take(this.#incoming);
    const admitted = gate(this.#incoming);
    if (isRefusal(admitted)) {
      this.#refuse(admitted);
      return;
    }
    const refusal = claim && secret?.judge(claim, admitted);
    if (refusal) this.#refuse(refusal);
    else if (!this.#answerHere(admitted)) await this.#relay(admitted);
  }

  /** The routes that the server never sees. */
  #answerHere({ method, target }: Admitted): boolean {
    const { path } = target;
    // An app that finds metadata here would start a sign-in of its own.
    if (path === "/.well-known" || path.startsWith("/.well-known/")) {
      this.#refuse(refuse("ROUTE_UNKNOWN"));
      return true;
    }
    if (method !== "GET") return false;
    if (path === "/health") return this.#say("OK", "text/plain; charset=utf-8");
    if (path !== this.#rules.metricsPath) return false;
    return this.#say(this.#gateway.metrics.text(), "text/plain; version=0.0.4; charset=utf-8");
  }

  #say(text: string, type: string, headers: readonly string[] = []): true {
    this.#outcome = "local";
    this.#reply.send(200, ["content-type", type, ...headers], Buffer.from(text));
    return true;
  }

  async #relay(admitted: Admitted): Promise<void> {
    const { method, headers } = admitted;
    const reply = this.#reply;
    if (method === "POST") {
      const refusal = judgeBody(headers, this.#rules.maxBody) ?? (await this.#read());
      if (refusal) this.#refuse(refusal);
      if (refusal || reply.isClosed) return;
      this.#count();
    }
    const session = this.#rules.local?.find(headers);
    if (session) await this.#takeStep(session, admitted);
    else await this.#deliver(admitted);
  }

  /** Counts a message, for `smcp status`. */
  #count(): void {
    const { board } = this.#gateway;
    const connection = this.#connection;
    let app = connection.app ?? board.apps.byAgent(this.#incoming.headers["user-agent"]);
    if (!connection.isIntroduced && this.#body) {
      connection.isIntroduced = true;
      const introduction = introductionIn(this.#body);
      if (introduction) app = board.apps.introduce(app, introduction);
    }
    connection.app = app;
    board.used(app);
  }

  #requestOf({ method, target, headers }: Admitted): RelayRequest {
    return {
      method,
      path: pathAt(this.#gateway, target),
      headers: requestHeaders(headers, this.#rules.forwardHeaders),
      body: this.#body,
    };
  }

  /** Sends it to the server; where nobody is signed in, an app's first message may have an answer here. */
  #deliver(admitted: Admitted, isRepeated = false): Promise<void> {
    const request = this.#requestOf(admitted);
    const { local } = this.#rules;
    const isFirst = local !== undefined && request.method === "POST";
    return this.#send(admitted, request, (refusal) => {
      if (isFirst && refusal.refused === "SIGN_IN_PENDING") void this.#welcome(local, admitted, refusal, isRepeated);
      else this.#refuse(refusal);
    });
  }

  #send({ method, headers }: Admitted, request: RelayRequest, fail: (refusal: Refusal) => void): Promise<void> {
    const reply = this.#reply;
    // The modern era's subscription: this header is the server's to compare with the body.
    if (method === "GET" || headers.get("mcp-method") === "subscriptions/listen") reply.isStanding = true;
    return deliver(this.#gateway, {
      requestId: reply.requestId,
      request,
      send: (request, plan) => relay(this.#gateway.pool, request, reply, plan),
      fail,
      isGone: () => reply.isClosed,
    });
  }

  /** Never rejects. */
  async #welcome(local: LocalSessions, admitted: Admitted, refusal: Refusal, isRepeated: boolean): Promise<void> {
    const message = this.#message();
    if (!message) {
      this.#refuse(refusal);
      return;
    }
    const isGone = (): boolean => this.#reply.isClosed;
    const first = { ...this.#requestOf(admitted), message, refusal, isRepeated, isGone };
    const welcome = await local.welcome(first);
    if (isGone()) return;
    if (welcome === "again") await this.#deliver(admitted, true);
    else if (isRefusal(welcome)) this.#refuse(welcome);
    else this.#say(welcome.answer, "application/json", ["mcp-session-id", welcome.session.id]);
  }

  /** A request in a session of our own. */
  async #takeStep(session: LocalSession, admitted: Admitted): Promise<void> {
    const { method } = admitted;
    const request = this.#requestOf(admitted);
    if (method === "GET" && session.listen(this.#reply, request)) {
      this.#outcome = "local";
    } else if (method === "DELETE" && session.close()) {
      this.#say("", "text/plain; charset=utf-8");
    } else {
      const message = this.#body ? readMessage(this.#body) : undefined;
      const step = await session.step(!message || isRefusal(message) ? message : { ...request, message });
      if (!this.#reply.isClosed) await this.#follow(step, session, admitted);
    }
  }

  async #follow(step: Step, session: LocalSession, admitted: Admitted): Promise<void> {
    if (isRefusal(step)) this.#refuse(step);
    else if (step === "relay") {
      const request = this.#requestOf(admitted);
      this.#reply.onHead((head) => session.inward(head));
      await this.#send(admitted, { ...request, headers: session.outward(request.headers) }, (refusal) => {
        this.#refuse(refusal);
      });
    } else if (step === "taken") {
      this.#outcome = "local";
      this.#reply.send(202, [], Buffer.alloc(0));
    } else this.#say(answerTo(this.#message()?.id ?? "null", "{}"), "application/json");
  }

  async #read(): Promise<Refusal | undefined> {
    const body = await readBody(this.#incoming, this.#reply, this.#rules.maxBody);
    if (isRefusal(body)) return body;
    this.#body = body ?? null;
    return undefined;
  }

  #message(): Message | undefined {
    const message = this.#body ? readMessage(this.#body) : undefined;
    return isRefusal(message) ? undefined : message;
  }

  #refuse(refusal: Refusal): void {
    const { refused, reason } = refusal;
    this.#outcome = refused;
    this.#gateway.board.failed(refusal);
    const entry: Entry = catalogue[refused];
    const { method } = this.#incoming;
    this.#gateway.log[entry.level]({ request_id: this.#reply.requestId, code: refused, method, reason }, "refused");
    // Only now is the body looked into, for the id that the answer needs.
    const asked = this.#message();
    if (entry.status === 200 && asked && asked.kind !== "request") this.#reply.send(202, [], Buffer.alloc(0));
    else this.#reply.refuse(refusal, idOf(asked));
  }
}

/** The id that an answer carries; a response's id is the server's own and is answered by nobody. */
function idOf(message: Message | undefined): string | undefined {
  return message?.kind === "request" ? message.id : undefined;
}
