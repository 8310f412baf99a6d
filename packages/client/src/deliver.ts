/**
 * One request's way to the server: token, send, and where the server refuses the token one renewal and one replay. What
 * comes back goes to whoever sends (an HTTP answer, lines on stdout); this only judges status and headers.
 */
import { isRefusal, refuse, type Refusal, type Secret, type SseFilter } from "@smcp/core";
import {
  passResponseHeaders,
  type Deadlines,
  type RelayFailure,
  type RelayPlan,
  type RelayRequest,
  type UpstreamHeaders,
} from "@smcp/edge";

import { readChallenge, readSentence, type Challenge } from "./challenge.ts";
import { withoutPrefix } from "./endpoint-prefix.ts";
import type { Gateway } from "./gateway.ts";

/** What is to be delivered, without a token. */
export interface Delivery {
  /** For the log, beside the server's own. */
  readonly requestId: string;
  readonly request: RelayRequest;
  /** Sends once; the answer is the sender's, unless the plan stops it. */
  send(request: RelayRequest, plan: RelayPlan): void;
  /** Called at most once, in place of an answer. */
  fail(refusal: Refusal): void;
  /** True when nobody waits for the answer any more. */
  isGone(): boolean;
}

/** Bytes of a 403's body that are read for its sentence. */
const PEEK = 2_048;

/** Delivers a request. The promise ends when it was sent for the first time or failed before that. */
export async function deliver(gateway: Gateway, delivery: Delivery): Promise<void> {
  const token = await gateway.tokens.get();
  if (delivery.isGone()) return;
  if (isRefusal(token)) delivery.fail(token);
  else send(gateway, delivery, token, false);
}

function send(gateway: Gateway, delivery: Delivery, token: Secret | undefined, isReplay: boolean): void {
  const { request, requestId } = delivery;
  const headers = [...request.headers, "x-request-id", requestId];
  if (token) headers.push("authorization", `Bearer ${token.reveal()}`);
  delivery.send({ ...request, headers }, new Attempt(gateway, delivery, token, isReplay));
}

/** One sending: judges the answer's head and decides what a failure means. */
class Attempt implements RelayPlan {
  readonly deadlines: Deadlines;
  peek = 0;
  filter: SseFilter | undefined;

  readonly #gateway: Gateway;
  readonly #delivery: Delivery;
  readonly #token: Secret | undefined;
  readonly #isReplay: boolean;
  #status = 0;
  #challenge: Challenge | undefined;
  /** What the server said in a refused answer's body. */
  #sentence = "";

  constructor(gateway: Gateway, delivery: Delivery, token: Secret | undefined, isReplay: boolean) {
    this.deadlines = gateway.deadlines;
    this.#gateway = gateway;
    this.#delivery = delivery;
    this.#token = token;
    this.#isReplay = isReplay;
    const { method } = delivery.request;
    if (gateway.base !== "" && method === "GET") this.filter = withoutPrefix(gateway.base);
  }

  head(status: number, headers: UpstreamHeaders): string[] | string {
    this.#record(status, headers);
    // A refusal to open a stream is none, whatever it looks like.
    if (status >= 300) this.filter = undefined;
    if (status === 401 || status === 403) {
      this.#status = status;
      this.#challenge = readChallenge(headers);
      if (status === 403) this.peek = PEEK;
      return `the server answered ${status}`;
    }
    if (status >= 300 && status < 400) return `the server answered ${status}, and redirects are not followed`;
    return passResponseHeaders(headers);
  }

  /** One line by which both ends can be matched. */
  #record(status: number, headers: UpstreamHeaders): void {
    const { log } = this.#gateway;
    if (!log.isDebug) return;
    const { requestId, request } = this.#delivery;
    const fields = {
      request_id: requestId,
      server_request_id: headers["x-request-id"],
      method: request.method,
      status,
    };
    log.debug(fields, this.#isReplay ? "the server answered the replay" : "the server answered");
  }

  failed(failure: RelayFailure): void {
    this.#sentence = readSentence(failure.body);
    if (failure.kind === "stopped" && this.#isTokenRefused()) void this.#renew();
    else this.#delivery.fail(this.#meaning(failure));
  }

  /** True where another token may be taken: a fresh one, or one with more scopes. */
  #isTokenRefused(): boolean {
    return this.#status === 401 || (this.#status === 403 && this.#challenge?.error === "insufficient_scope");
  }

  /** Never rejects. */
  async #renew(): Promise<void> {
    const { tokens } = this.#gateway;
    const token = this.#isReplay ? this.#token : await tokens.renew(this.#token, this.#challenge);
    if (this.#delivery.isGone()) return;
    if (isRefusal(token)) this.#delivery.fail(token);
    else if (token === this.#token) this.#delivery.fail(this.#refused());
    else send(this.#gateway, this.#delivery, token, true);
  }

  #meaning(failure: RelayFailure): Refusal {
    const { host: server, limit } = this.#gateway;
    const { reason } = failure;
    if (failure.kind === "slow") return refuse("SERVER_SLOW", { server, limit }, { reason });
    if (failure.kind === "stopped" && this.#status === 403) return this.#refused();
    return refuse("SERVER_AWAY", { server }, { reason });
  }

  #refused(): Refusal {
    const { error, scope } = this.#challenge ?? {};
    const sentence = this.#sentence;
    const { refusedHint } = this.#gateway.tokens;
    const server = `the smcp server at ${this.#gateway.host}`;
    if (error === "insufficient_scope") {
      const missing = scope ? ` "${scope}"` : "";
      return signInRefused(
        `${server} refused the sign-in: the token lacks the scope${missing}; ${refusedHint ?? "check --oidc-scopes"}`,
      );
    }
    if (this.#status === 403) return signInRefused(`${server} refused this request${sentence ? `: ${sentence}` : ""}`);
    const what = `${server} refused the new token too${error ? ` (${error})` : ""}`;
    return signInRefused(refusedHint === undefined ? what : `${what}: ${refusedHint}`);
  }
}

function signInRefused(reason: string): Refusal {
  return refuse("SIGN_IN_REFUSED", { reason }, { reason });
}
