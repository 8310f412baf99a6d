/** What both interactive flows are given, and what they give. */
import type { Clock, Duration, Log, Refusal } from "@smcp/core";

import type { Binding } from "../tokens/dpop-grant.ts";
import type { OpenIssuer } from "../tokens/issuer-link.ts";
import type { Session } from "../tokens/session.ts";

/** What a flow asks the provider for. */
export interface FlowRequest {
  /** As the issuer writes itself. */
  readonly issuer: string;
  readonly scopes: readonly string[];
  readonly resource: string | undefined;
  readonly audience: string | undefined;
  /** What the tokens are to be bound to; left out: to nothing. */
  readonly binding?: Binding | undefined;
  /** The provider under the client that signs in. A client that is registered for this sign-in alone needs the redirect URI. */
  client(redirectUri: string | undefined): Promise<FlowClient>;
}

/** The client that signs in, at the provider. */
export interface FlowClient extends OpenIssuer {
  readonly clientId: string;
  readonly registration: Session["registration"];
}

/** What a flow uses of its surroundings. */
export interface FlowParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Waits; ends early, without an error, when the signal says so. */
  readonly pause: (duration: Duration, signal: AbortSignal) => Promise<void>;
  /** The end of the program. */
  readonly signal: AbortSignal;
}

/** A flow that waits for the person. */
export interface Flow {
  /** What the person opens. */
  readonly url: string;
  readonly code: string | undefined;
  readonly completeUrl: string | undefined;
  readonly expiresAt: number;
  /** Never rejects. */
  readonly ended: Promise<FlowEnd>;
  /** Once what came of it is kept: tells whoever waits for it in a browser, and closes what is open. Never rejects. */
  close(isGood: boolean): Promise<void>;
}

/** How a flow ended: with a session; the person or the provider said no; nobody came; the program stopped. */
export type FlowEnd =
  | { readonly session: Session }
  | { readonly refusal: Refusal; readonly how: "refused" | "unanswered" | "stopped" };

/** The parameters that every request of a flow repeats. */
export function targetOf({ resource, audience }: FlowRequest): Record<string, string> {
  return { ...(resource !== undefined && { resource }), ...(audience !== undefined && { audience }) };
}

/** Waits on a timer that ends with the signal, too. */
export function pause(duration: Duration, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, duration);
    signal.addEventListener("abort", end, { once: true });
  });
}
