/**
 * Sign-in by a browser on this machine: authorization code with PKCE and a loopback redirect (RFC 8252). Verifier and state
 * live in this process alone, beside the listener that they belong to.
 */
import { refuse, type Duration } from "@smcp/core";

import { boundGrant } from "../tokens/dpop-grant.ts";
import { grantFailure } from "../tokens/grant-failure.ts";
import { IssuerUnusable } from "../tokens/issuer-metadata.ts";
import { openCallback, type Arrived, type Callback, type CallbackPlace } from "./callback.ts";
import { targetOf, type Flow, type FlowClient, type FlowEnd, type FlowParts, type FlowRequest } from "./flow.ts";
import { isMicrosoft } from "./microsoft.ts";
import { openable } from "./openable.ts";
import { sessionOf } from "./session-of.ts";

/** How long a person may take. */
const PATIENCE: Duration = 300_000;
/** How often the clock on the wall is looked at: a laptop sleeps through its timers. */
const LOOK: Duration = 1_000;

/** What is known in this process alone. */
interface Secrets {
  readonly verifier: string;
  readonly state: string;
  /** Absent where an ID token need not come. */
  readonly nonce: string | undefined;
}

/**
 * Starts the flow: listens, then tells the address that starts at the provider.
 *
 * @throws {Failure} where no port is free, {@link IssuerUnusable} for a provider that cannot be used safely, openid-client's
 * errors
 */
export async function startBrowserFlow(
  request: FlowRequest,
  place: CallbackPlace & { readonly allowsUnadvertisedPkce: boolean },
  parts: FlowParts,
): Promise<Flow> {
  const library = await import("openid-client");
  const state = library.randomState();
  const callback = await openCallback(place, state, parts.log);
  try {
    const client = await request.client(callback.redirectUri);
    judgePkce(client, place.allowsUnadvertisedPkce);
    const secrets = {
      state,
      verifier: library.randomPKCECodeVerifier(),
      nonce: isIdTokenSure(request, client) ? library.randomNonce() : undefined,
    };
    const url = await authorizationUrl(client, request, secrets, callback.redirectUri);
    const expiresAt = parts.clock.now() + PATIENCE;
    let show: Arrived["show"] | undefined;
    void callback.arrived.then((arrived) => (show = arrived.show));
    return {
      url,
      code: undefined,
      completeUrl: undefined,
      expiresAt,
      ended: waitAndGrant(callback, client, { request, secrets, expiresAt, parts }),
      close: async (isGood) => {
        show?.(isGood);
        await callback[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await callback[Symbol.asyncDispose]();
    throw error;
  }
}

/** A provider that does not say that it knows `openid` may ignore it, and then gives no ID token. */
function isIdTokenSure({ scopes }: FlowRequest, { configuration }: FlowClient): boolean {
  const known = configuration.serverMetadata().scopes_supported;
  return scopes.includes("openid") && known?.includes("openid") === true;
}

/** A provider that ignores the challenge would give the session to whoever caught the code. */
function judgePkce({ configuration }: FlowClient, allowsUnadvertised: boolean): void {
  const methods = configuration.serverMetadata().code_challenge_methods_supported;
  if (methods?.includes("S256") === true || (methods === undefined && allowsUnadvertised)) return;
  if (methods !== undefined) throw new IssuerUnusable("does not offer PKCE with S256");
  throw new IssuerUnusable("does not say that it knows PKCE; if it does, give --allow-unadvertised-pkce");
}

async function authorizationUrl(
  client: FlowClient,
  request: FlowRequest,
  { verifier, state, nonce }: Secrets,
  redirectUri: string,
): Promise<string> {
  const { library, configuration } = client;
  if (configuration.serverMetadata().authorization_endpoint === undefined) {
    throw new IssuerUnusable("offers no sign-in by browser; use --oidc-flow device");
  }
  const url = library.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    response_type: "code",
    ...(request.scopes.length > 0 && { scope: request.scopes.join(" ") }),
    state,
    ...(nonce !== undefined && { nonce }),
    ...(needsConsent(request) && { prompt: "consent" }),
    code_challenge: await library.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    // Nobody with another key can use the code (RFC 9449, section 10).
    ...(request.binding && { dpop_jkt: await request.binding.key.handleFor(client).calculateThumbprint() }),
    ...targetOf(request),
  });
  const page = openable(url.href);
  if (!page) throw new IssuerUnusable("has an authorization endpoint that is no web page");
  return page.href;
}

/** OpenID Connect Core 11: without it a provider must not grant offline access. */
function needsConsent({ scopes, issuer }: FlowRequest): boolean {
  // There it sends people who may not consent themselves to their administrator, and it is not needed.
  return scopes.includes("offline_access") && !isMicrosoft(issuer);
}

interface Waiting {
  readonly request: FlowRequest;
  readonly secrets: Secrets;
  readonly expiresAt: number;
  readonly parts: FlowParts;
}

async function waitAndGrant(callback: Callback, client: FlowClient, waiting: Waiting): Promise<FlowEnd> {
  const arrived = await patiently(callback.arrived, waiting);
  return "url" in arrived ? grant(arrived, client, waiting) : arrived;
}

async function patiently(arrived: Promise<Arrived>, { expiresAt, parts }: Waiting): Promise<Arrived | FlowEnd> {
  const { clock, signal, pause } = parts;
  while (!signal.aborted && clock.now() < expiresAt) {
    const left = Math.min(LOOK, expiresAt - clock.now());
    const won = await Promise.race([arrived, pause(left, signal)]);
    if (won) return won;
  }
  const reason = signal.aborted ? "the sign-in was stopped" : "nobody finished the sign-in in time";
  return { refusal: refuse("SIGN_IN_REFUSED", { reason }), how: signal.aborted ? "stopped" : "unanswered" };
}

async function grant(arrived: Arrived, client: FlowClient, { request, secrets, parts }: Waiting): Promise<FlowEnd> {
  const { library, configuration, clientId, registration } = client;
  const { issuer, scopes, resource, binding } = request;
  const { verifier, state, nonce } = secrets;
  const at = parts.clock.now();
  try {
    const checks = {
      pkceCodeVerifier: verifier,
      expectedState: state,
      ...(nonce !== undefined && { expectedNonce: nonce, idTokenExpected: true }),
    };
    const answer = await boundGrant(client, binding, (options) =>
      library.authorizationCodeGrant(configuration, arrived.url, checks, targetOf(request), options),
    );
    const dpopKey = binding?.key.jwk;
    return { session: sessionOf(answer, { issuer, clientId, scopes, resource, registration, dpopKey }, at) };
  } catch (error) {
    return { refusal: grantFailure(error, new URL(issuer).host, "authorization code").refusal, how: "refused" };
  }
}
