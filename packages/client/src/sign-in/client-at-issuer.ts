/**
 * Which client signs in: the one that a flag or the server names; a document about us that the server holds, where the
 * issuer reads such; else one that is registered on the spot, as a public client.
 */
import type { ClientSettings } from "@smcp/config";
import { isLoopbackName, Secret } from "@smcp/core";
import type { ClientMetadata, ServerMetadata } from "openid-client";

import type { Pin } from "../store/pins.ts";
import type { BoundedFetch } from "../tokens/bounded-fetch.ts";
import { configureIssuer, ISSUER_TIMEOUT } from "../tokens/issuer-link.ts";
import { IssuerUnusable } from "../tokens/issuer-metadata.ts";
import type { Session } from "../tokens/session.ts";
import type { FlowClient } from "./flow.ts";
import type { Plan } from "./plan.ts";

/** A client that was registered dynamically, kept for the next sign-in. */
interface Registered {
  readonly issuer: string;
  readonly clientId: string;
  /** The redirect URI that it was registered with; `undefined` for a device. */
  readonly redirectUri: string | undefined;
  readonly secret: Secret | undefined;
}

/** Remembers the last registered client, beside the issuer's pin. */
export class Registrations {
  last: Registered | undefined;
  #isRead = false;

  /** Takes what an earlier run left, once. */
  recall(pin: Pin | undefined): void {
    if (this.#isRead) return;
    this.#isRead = true;
    const { issuer, registeredClientId: clientId, registeredRedirectUri: redirectUri } = pin ?? {};
    if (issuer !== undefined && clientId !== undefined)
      this.last = { issuer, clientId, redirectUri, secret: undefined };
  }

  /** What is written down with the pin. One with a secret is registered anew instead: the pin is no place for secrets. */
  pinAt(issuer: string): Pin {
    const { last } = this;
    if (last?.issuer !== issuer || last.secret) return { issuer };
    const { clientId: registeredClientId, redirectUri: registeredRedirectUri } = last;
    return { issuer, registeredClientId, ...(registeredRedirectUri !== undefined && { registeredRedirectUri }) };
  }

  /** The port that the client was registered with: many providers compare it, however RFC 8252 asks them not to. */
  portAt(issuer: string): number | undefined {
    const uri = this.last?.issuer === issuer ? this.last.redirectUri : undefined;
    return uri === undefined ? undefined : Number(URL.parse(uri)?.port);
  }
}

/**
 * The client for a plan, at its issuer.
 *
 * @throws {IssuerUnusable} where there is none, openid-client's errors where registration fails
 */
export async function clientAtIssuer(
  settings: ClientSettings,
  plan: Plan,
  at: { readonly fetch: BoundedFetch; readonly registrations: Registrations; readonly redirectUri: string | undefined },
): Promise<FlowClient> {
  const { issuer, namedBy, metadata } = plan;
  const { authMethod, clockTolerance } = settings.oidc;
  const named = namedClient(settings, plan);
  const client = named ?? (await registeredClient(plan, at));
  const { clientId, secret: clientSecret } = client;
  const who = { issuer, namedBy, clientId, clientSecret, authMethod, clockTolerance };
  const registration: Session["registration"] =
    named !== undefined ? undefined : { ...(clientSecret !== undefined && { clientSecret }) };
  return { ...(await configureIssuer(who, metadata, at.fetch)), clientId, registration };
}

interface Client {
  readonly clientId: string;
  readonly secret: Secret | undefined;
}

/** The client that a flag or the server names, or whose document the server holds; `undefined`: none. */
export function namedClient({ oidc, serverUrl }: ClientSettings, { advice, metadata }: Plan): Client | undefined {
  // A secret is there only with an issuer that a person named: the settings were judged at the start.
  if (oidc.clientId !== undefined) return { clientId: oidc.clientId, secret: oidc.clientSecret };
  if (advice.clientId !== undefined) return { clientId: advice.clientId, secret: undefined };
  const document = advice.clientDocument === undefined ? null : URL.parse(advice.clientDocument);
  const isRead = metadata["client_id_metadata_document_supported"] === true;
  const isOurs = document?.protocol === "https:" && document.origin === serverUrl.origin;
  return isRead && isOurs ? { clientId: document.href, secret: undefined } : undefined;
}

async function registeredClient(
  plan: Plan,
  { fetch, registrations, redirectUri }: Parameters<typeof clientAtIssuer>[2],
): Promise<Client> {
  const { issuer, metadata } = plan;
  const { last } = registrations;
  if (last?.issuer === issuer && last.redirectUri === redirectUri) return last;
  if (metadata.registration_endpoint === undefined) {
    const why = "knows no client that smcp could sign in as, and registers none";
    throw new IssuerUnusable(`${why}: give --oidc-client-id, or set client.client_id at the server`);
  }
  const library = await import("openid-client");
  const configuration = await library.dynamicClientRegistration(
    new URL(issuer),
    registrationFor(plan, redirectUri),
    library.None(),
    {
      algorithm: "oauth2",
      timeout: ISSUER_TIMEOUT / 1_000,
      [library.customFetch]: knowing(metadata, fetch),
      ...(isLoopbackName(new URL(issuer).hostname) && { execute: [library.allowInsecureRequests] }),
    },
  );
  const { client_id: clientId } = configuration.clientMetadata();
  const secret = secretOf(configuration.clientMetadata(), metadata);
  registrations.last = { issuer, clientId, redirectUri, secret };
  return { clientId, secret };
}

function registrationFor({ scopes }: Plan, redirectUri: string | undefined): Partial<ClientMetadata> {
  const isDevice = redirectUri === undefined;
  return {
    client_name: "smcp client",
    application_type: "native",
    token_endpoint_auth_method: "none",
    redirect_uris: isDevice ? [] : [redirectUri],
    response_types: isDevice ? [] : ["code"],
    grant_types: [isDevice ? "urn:ietf:params:oauth:grant-type:device_code" : "authorization_code", "refresh_token"],
    ...(scopes.length > 0 && { scope: scopes.join(" ") }),
  };
}

/** The secret that a registration came with, where it is used: many send one to a client that asked for none. */
function secretOf(
  client: ClientMetadata,
  { token_endpoint_auth_methods_supported: offered }: ServerMetadata,
): Secret | undefined {
  const { client_secret: text, token_endpoint_auth_method: method } = client;
  if (typeof text !== "string" || text === "" || method === "none") return undefined;
  const isTaken = offered?.some((one) => one.startsWith("client_secret_")) ?? true;
  return isTaken ? new Secret(text) : undefined;
}

/** The library discovers the issuer again before it registers: it is told what is known already. */
function knowing(metadata: ServerMetadata, fetch: BoundedFetch): BoundedFetch {
  return (url, options) =>
    options?.method === "POST" ? fetch(url, options).then(completed) : Promise.resolve(json(200, metadata));
}

/** What RFC 7591 wants of a registration's answer and many leave out: its status, and that the secret never ends. */
async function completed(response: Response): Promise<Response> {
  if (!response.ok) return response;
  const answer: unknown = await response.json();
  return json(201, typeof answer === "object" ? { client_secret_expires_at: 0, ...answer } : answer);
}

function json(status: number, value: unknown): Response {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });
}
