/** What is known of a request at each point of its journey: every stage adds its own, and may use only what is there. */
import type { IncomingMessage } from "node:http";

import type { Back, Era, Message, Stage } from "@smcp/core";
import type { Admitted, Ending, Reply, ReplyHead } from "@smcp/edge";

import type { Principal } from "../auth/principal.ts";
import type { Route } from "../routes.ts";
import type { Endpoint } from "../upstream/upstream.ts";

/** A request that passed the gate. */
export interface Arrival {
  readonly incoming: IncomingMessage;
  readonly reply: Reply;
  readonly admitted: Admitted;
  /** The caller's own address, behind trusted proxies. */
  readonly address: string;
  /** Scheme and host under which the caller sees us; no trailing slash. */
  readonly origin: string;
  /** Whether the origin is configured or checked, so that a token may be meant for it. */
  readonly isOriginOurs: boolean;
  /** On the clock that never goes back, in milliseconds. */
  readonly arrivedAt: number;
}

/** Where it goes. */
export interface Routed {
  readonly route: Route;
  /** What stands below the route's path. */
  readonly below: string;
}

/** Who asks. */
export interface Known {
  readonly principal: Principal;
}

/** What is asked. */
export interface Called {
  /** `null` without a body. */
  readonly body: Buffer | null;
  readonly message: Message | undefined;
  readonly era: Era;
}

/** In which session of the backend. */
export interface Bound {
  /** The backend's own session id. */
  readonly sessionId: string | undefined;
  /** Of a backend that speaks the HTTP+SSE of 2024-11-05 only. */
  readonly endpoint: Endpoint | undefined;
}

/** What the backend is told beside it: a flat list of names and values. */
export interface Introduced {
  readonly added: readonly string[];
}

export type GatewayStage<Needs, Adds extends object> = Stage<Needs, Adds, ReplyHead, Ending>;
export type GatewayBack = Back<ReplyHead, Ending>;
