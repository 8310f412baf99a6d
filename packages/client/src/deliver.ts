/**
 * One request's way to the server: token, send, and where the server refuses the token one renewal and one replay. What
 * comes back goes to whoever sends (an HTTP answer, lines on stdout); this only judges status and headers.
 */
import { describeError, isRefusal, refuse, type Refusal, type Secret, type SseFilter } from "@smcp/core";
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

/** What a server finds wrong with a proof; another token does not help. */
const PROOF_ERRORS: ReadonlySet<string> = new Set(["invalid_dpop_proof", "use_dpop_nonce"]);
const ADVICE = ": check this machine's clock, and that --server-url is the address that the server calls itself";

/** Bytes of a 403's body that are read for its sentence. */
const PEEK = 2_048;

/** Delivers a request. The promise ends when it was sent for the first time or failed before that. */
export async function deliver(gateway: Gateway, delivery: Delivery): Promise<void> {
  const token = await gateway.tokens.get();
  if (delivery.isGone()) return;
  if (!isRefusal(token)) return send(gateway, delivery, { token });
  delivery.fail(token);
  return undefined;
}

/** What goes along with one sending, and why it is not the first. */
interface Credential {
  readonly token: Secret | undefined;
  /** A proof of the key that the token is bound to was sent along. */
  readonly isBound?: boolean;
  /** Another token was sent before. */
  readonly isReplay?: boolean;
  /** The same token was sent before, with a proof that lacked something. */
  readonly isProvedAgain?: boolean;
}

function send(gateway: Gateway, delivery: Delivery, credential: Credential): void | Promise<void> {
  const { request, requestId } = delivery;
  const { token } = credential;
  const headers = [...request.headers, "x-request-id", requestId];
  const proof = token && gateway.tokens.proofs?.of(token, request.method, gateway.origin + request.path);
  if (token && proof) return sendProved(gateway, delivery, credential, { token, headers, proof });
  if (token) headers.push("authorization", `Bearer ${token.reveal()}`);
  delivery.send({ ...request, headers }, new Attempt(gateway, delivery, credential));
  return undefined;
}

/** Sends a token with the proof of its key, once that is signed. Never rejects. */
async function sendProved(
  gateway: Gateway,
  delivery: Delivery,
  credential: Credential,
  bound: { readonly token: Secret; readonly headers: string[]; readonly proof: Promise<string> },
): Promise<void> {
  const { headers, token } = bound;
  try {
    headers.push("authorization", `DPoP ${token.reveal()}`, "dpop", await bound.proof);
  } catch (error) {
    delivery.fail(signInRefused(describeError(error)));
    return;
  }
  if (delivery.isGone()) return;
  delivery.send({ ...delivery.request, headers }, new Attempt(gateway, delivery, { ...credential, isBound: true }));
}

/** One sending: judges the answer's head and decides what a failure means. */
class Attempt implements RelayPlan {
  readonly deadlines: Deadlines;
  peek = 0;
  filter: SseFilter | undefined;

  readonly #gateway: Gateway;
  readonly #delivery: Delivery;
  readonly #credential: Credential;
  #status = 0;
  #challenge: Challenge | undefined;
  /** The server told what the proof lacked. */
  #isProofLacking = false;
  /** What the server said in a refused answer's body. */
  #sentence = "";

  constructor(gateway: Gateway, delivery: Delivery, credential: Credential) {
    this.deadlines = gateway.deadlines;
    this.#gateway = gateway;
    this.#delivery = delivery;
    this.#credential = credential;
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
      this.#learn(headers);
      return `the server answered ${status}`;
    }
    if (status >= 300 && status < 400) return `the server answered ${status}, and redirects are not followed`;
    this.#learn(headers);
    return passResponseHeaders(headers);
  }

  #learn(headers: UpstreamHeaders): void {
    if (this.#credential.isBound !== true) return;
    this.#isProofLacking = this.#gateway.tokens.proofs?.learn(headers, this.#challenge?.error) === true;
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
    log.debug(fields, this.#credential.isReplay ? "the server answered the replay" : "the server answered");
  }

  failed(failure: RelayFailure): void {
    this.#sentence = readSentence(failure.body);
    const credential = this.#credential;
    if (failure.kind !== "stopped") this.#delivery.fail(this.#meaning(failure));
    else if (this.#isProofLacking && credential.isProvedAgain !== true)
      this.#again({ ...credential, isProvedAgain: true });
    else if (this.#isTokenRefused()) void this.#renew();
    else this.#delivery.fail(this.#meaning(failure));
  }

  /** True where another token may be taken: a fresh one, or one with more scopes. For a bad proof none helps. */
  #isTokenRefused(): boolean {
    const { error = "" } = this.#challenge ?? {};
    return this.#status === 401 ? !PROOF_ERRORS.has(error) : this.#status === 403 && error === "insufficient_scope";
  }

  #again(credential: Credential): void {
    if (!this.#delivery.isGone()) void send(this.#gateway, this.#delivery, credential);
  }

  /** Never rejects. */
  async #renew(): Promise<void> {
    const { tokens } = this.#gateway;
    const credential = this.#credential;
    const { token: used } = credential;
    const token = credential.isReplay === true ? used : await tokens.renew(used, this.#challenge);
    if (this.#delivery.isGone()) return;
    if (isRefusal(token)) this.#delivery.fail(token);
    else if (token === used) this.#delivery.fail(this.#refused());
    else this.#again({ token, isReplay: true, isProvedAgain: credential.isProvedAgain === true });
  }

  #meaning(failure: RelayFailure): Refusal {
    const { host: server, limit } = this.#gateway;
    const { reason } = failure;
    if (failure.kind === "slow") return refuse("SERVER_SLOW", { server, limit }, { reason });
    if (failure.kind === "stopped" && (this.#status === 401 || this.#status === 403)) return this.#refused();
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
    if (PROOF_ERRORS.has(error ?? "")) return signInRefused(`${server} refused the proof of the token's key${ADVICE}`);
    const what = `${server} refused the new token too${error ? ` (${error})` : ""}`;
    return signInRefused(refusedHint === undefined ? what : `${what}: ${refusedHint}`);
  }
}

function signInRefused(reason: string): Refusal {
  return refuse("SIGN_IN_REFUSED", { reason }, { reason });
}
