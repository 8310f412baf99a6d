/**
 * Sign-in by a browser elsewhere (RFC 8628): a short address and a code. The polling is our own: openid-client's ends at the
 * first broken connection, and a laptop has many.
 */
import { refuse, type Duration, type Refusal } from "@smcp/core";
import type { TokenEndpointResponse, TokenEndpointResponseHelpers } from "openid-client";

import { boundGrant } from "../tokens/dpop-grant.ts";
import { grantFailure } from "../tokens/grant-failure.ts";
import { responseOf } from "../tokens/issuer-link.ts";
import { IssuerUnusable } from "../tokens/issuer-metadata.ts";
import type { Session } from "../tokens/session.ts";
import { targetOf, type Flow, type FlowClient, type FlowEnd, type FlowParts, type FlowRequest } from "./flow.ts";
import { openable } from "./openable.ts";
import { sessionOf } from "./session-of.ts";

const DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code";
/** Where the provider names none, and what `slow_down` adds. */
const INTERVAL: Duration = 5_000;
const LONGEST_INTERVAL: Duration = 60_000;
/** However long a provider would let its code live. */
const LONGEST_LIFE: Duration = 1_800_000;

/**
 * Starts the flow: one request for a code.
 *
 * @throws {IssuerUnusable} for a provider without the flow, openid-client's errors
 */
export async function startDeviceFlow(request: FlowRequest, parts: FlowParts): Promise<Flow> {
  const client = await request.client(undefined);
  const { library, configuration } = client;
  if (configuration.serverMetadata().device_authorization_endpoint === undefined) {
    throw new IssuerUnusable("offers no sign-in by device code; use --oidc-flow browser");
  }
  const at = parts.clock.now();
  const answer = await library.initiateDeviceAuthorization(configuration, {
    ...(request.scopes.length > 0 && { scope: request.scopes.join(" ") }),
    ...targetOf(request),
  });
  const page = openable(answer.verification_uri);
  if (!page) throw new IssuerUnusable("names a page for the code that is no web page");
  const complete = answer.verification_uri_complete;
  const expiresAt = at + Math.min(answer.expires_in * 1_000, LONGEST_LIFE);
  const interval = Math.min((answer.interval ?? 0) * 1_000 || INTERVAL, LONGEST_INTERVAL);
  const poll = { code: answer.device_code, interval, expiresAt };
  return {
    url: page.href.replace(/^(https?:\/\/[^/]+)\/$/, "$1"),
    code: printable(answer.user_code),
    completeUrl: complete === undefined ? undefined : openable(complete)?.href,
    expiresAt,
    ended: new Polling(request, client, parts).run(poll),
    close: () => Promise.resolve(),
  };
}

/** A code as it is compared: as received, but nothing that a terminal would obey. */
function printable(code: string): string {
  const plain = code.slice(0, 64).replace(/[^\p{L}\p{N}\p{P}\p{S} ]+/gu, "");
  if (plain === "") throw new IssuerUnusable("gave no code to compare");
  return plain;
}

interface Poll {
  readonly code: string;
  readonly interval: Duration;
  readonly expiresAt: number;
}

type Answer = TokenEndpointResponse & TokenEndpointResponseHelpers;

class Polling {
  readonly #request: FlowRequest;
  readonly #client: FlowClient;
  readonly #parts: FlowParts;

  constructor(request: FlowRequest, client: FlowClient, parts: FlowParts) {
    this.#request = request;
    this.#client = client;
    this.#parts = parts;
  }

  async run({ code, interval: first, expiresAt }: Poll): Promise<FlowEnd> {
    const { clock, signal, pause } = this.#parts;
    let interval = first;
    for (let wait = interval; ;) {
      await pause(wait, signal);
      if (signal.aborted) return { refusal: refused("the sign-in was stopped"), how: "stopped" };
      // By the wall: a laptop may have slept through the code's whole life.
      if (clock.now() >= expiresAt) return expired();
      const at = clock.now();
      const answer = await this.#ask(code);
      if (!(answer instanceof Error)) return { session: this.#session(answer, at) };
      const next = this.#next(answer, interval, wait);
      if (typeof next !== "number") return next;
      if (codeOf(answer) === "slow_down") interval = next;
      wait = next;
    }
  }

  async #ask(code: string): Promise<Answer | Error> {
    const { library, configuration } = this.#client;
    try {
      const parameters = { device_code: code, ...targetOf(this.#request) };
      return await boundGrant(this.#client, this.#request.binding, (options) =>
        library.genericGrantRequest(configuration, DEVICE_CODE, parameters, options),
      );
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** How long to wait before the next question, or the end. */
  #next(error: Error, interval: Duration, wait: Duration): Duration | FlowEnd {
    const code = codeOf(error);
    if (code === "authorization_pending") return interval;
    if (code === "slow_down") return interval + INTERVAL;
    if (code === "expired_token") return expired();
    const { refusal, retryAfter = 0 } = grantFailure(error, new URL(this.#request.issuer).host, "device code");
    if (refusal.refused !== "ISSUER_AWAY") return { refusal, how: "refused" };
    this.#parts.log.debug({ reason: refusal.reason }, "the identity provider could not be asked, trying on");
    return Math.min(Math.max(wait * 2, retryAfter, interval), LONGEST_INTERVAL);
  }

  #session(answer: Answer, at: number): Session {
    const { issuer, scopes, resource, binding } = this.#request;
    const dpopKey = binding?.key.jwk;
    const { clientId, registration } = this.#client;
    return sessionOf(answer, { issuer, clientId, scopes, resource, registration, dpopKey }, at);
  }
}

function codeOf(error: Error): string | undefined {
  const { error: code } = error as { error?: unknown };
  // A status of the 5xx kind speaks for itself, whatever its body says.
  return typeof code === "string" && (responseOf(error)?.status ?? 400) < 500 ? code : undefined;
}

function expired(): FlowEnd {
  return { refusal: refused("the code expired before anybody entered it"), how: "unanswered" };
}

function refused(reason: string): Refusal {
  return refuse("SIGN_IN_REFUSED", { reason }, { reason });
}
