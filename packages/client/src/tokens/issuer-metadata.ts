/**
 * An issuer's own metadata (RFC 8414, OpenID Connect Discovery), read by hand: the third address that MCP names is unknown
 * to openid-client, and the issuer must call itself byte for byte what it was called.
 */
import { Failure, isLoopbackName } from "@smcp/core";
import type { ServerMetadata } from "openid-client";

import { readDocument, type BoundedFetch } from "./bounded-fetch.ts";

/** An issuer that cannot be used, today or tomorrow; its message is for a person and follows the issuer's host. */
export class IssuerUnusable extends Error {
  override readonly name = "IssuerUnusable";
}

/** An issuer that has no metadata at any of its addresses. */
export class IssuerSilent extends Error {
  override readonly name = "IssuerSilent";
}

/** Who named an issuer: a person, whom a slash at its end may be forgiven, or the server. */
export type NamedBy = "person" | "server";

const OAUTH = "/.well-known/oauth-authorization-server";
const OIDC = "/.well-known/openid-configuration";

/**
 * Reads the metadata of an issuer, at each of its addresses in turn.
 *
 * @param issuer one that {@link parseIssuer} took
 * @throws {IssuerUnusable} for metadata that must not be used, {@link IssuerSilent} where there is none; any other error
 * means that the issuer is away
 */
export async function readIssuerMetadata(issuer: string, by: NamedBy, fetch: BoundedFetch): Promise<ServerMetadata> {
  let failure: string | undefined;
  let isOther = false;
  for (const place of placesOf(new URL(issuer))) {
    const answer = await readDocument(place, fetch);
    if ("failure" in answer) failure = answer.failure;
    if (!("document" in answer)) continue;
    if (!isNamed(answer.document["issuer"], issuer, by)) {
      isOther = true;
      continue;
    }
    const metadata = answer.document as ServerMetadata;
    judge(metadata, new URL(issuer));
    return metadata;
  }
  if (!isOther && failure !== undefined) throw new Error(failure);
  if (!isOther) throw new IssuerSilent(`${new URL(issuer).host} has no metadata of an identity provider`);
  const hint = by === "person" ? ": check --oidc-issuer" : "";
  throw new IssuerUnusable(`calls itself by another name${hint}`);
}

/** In the order that MCP asks for: OAuth's, then OpenID Connect's with the well-known part in front and at the end. */
function placesOf(issuer: URL): string[] {
  const path = issuer.pathname.replace(/\/$/, "");
  const { origin } = issuer;
  const inserted = [`${origin}${OAUTH}${path}`, `${origin}${OIDC}${path}`];
  return path === "" ? inserted : [...inserted, `${origin}${path}${OIDC}`];
}

function isNamed(found: unknown, issuer: string, by: NamedBy): boolean {
  if (found === issuer) return true;
  return by === "person" && typeof found === "string" && URL.parse(found)?.href === new URL(issuer).href;
}

/** Every address that a secret, a code or a person is sent to, as a person calls it. */
const ENDPOINTS = {
  token_endpoint: "a token endpoint",
  authorization_endpoint: "an authorization endpoint",
  device_authorization_endpoint: "a device endpoint",
  registration_endpoint: "a registration endpoint",
  revocation_endpoint: "a revocation endpoint",
  end_session_endpoint: "a sign-out page",
  pushed_authorization_request_endpoint: "an endpoint for pushed requests",
} as const;

function judge(metadata: ServerMetadata, issuer: URL): void {
  if (metadata.token_endpoint === undefined) throw new IssuerUnusable("names no token endpoint");
  for (const [name, words] of Object.entries(ENDPOINTS)) {
    const value: unknown = metadata[name];
    if (value === undefined) continue;
    const url = typeof value === "string" && isPlain(value) ? URL.parse(value) : null;
    if (!url || url.username !== "" || url.password !== "") throw new IssuerUnusable(`has ${words} that is no URL`);
    if (!isSafe(url, isLoopbackName(issuer.hostname))) throw new IssuerUnusable(`has ${words} without https`);
    if (isLinkLocal(url)) throw new IssuerUnusable(`has ${words} on a link-local address`);
  }
}

/** True for a text that every parser reads in one way: what one of them would mend is not a URL. */
function isPlain(text: string): boolean {
  return !/[\s\p{Cc}"'<>\\^`{|}]/u.test(text);
}

/** https, or plain http between programs of this machine. */
function isSafe(url: URL, isLocal: boolean): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && isLocal && isLoopbackName(url.hostname));
}

/** Addresses at which clouds tell their machines secrets, and which no identity provider has. */
function isLinkLocal({ hostname }: URL): boolean {
  return /^169\.254\.|^\[fe[89ab]|^\[::ffff:a9fe:/.test(hostname);
}

/**
 * The issuer behind a text, or what is wrong with it.
 *
 * @param isLocal whether it may be on this machine, in the clear
 */
export function parseIssuer(text: string, isLocal: boolean): URL | { readonly wrong: "form" | "scheme" | "place" } {
  const url = URL.parse(text);
  if (!url || !isPlain(text) || url.search || url.hash || url.username || url.pathname.includes("/.well-known/")) {
    return { wrong: "form" };
  }
  if (!isSafe(url, isLocal)) return { wrong: "scheme" };
  if (isLinkLocal(url) || (!isLocal && isLoopbackName(url.hostname))) return { wrong: "place" };
  return url;
}

/**
 * The issuer that a person named, as it was written.
 *
 * @throws {Failure} with exit code 2 for one that cannot be
 */
export function judgedIssuer(text: string): string {
  const parsed = parseIssuer(text, true);
  if (parsed instanceof URL) return text;
  if (parsed.wrong === "scheme") {
    throw new Failure(`the issuer "${text}" is not https`, "http is for issuers on this machine only", 2);
  }
  throw new Failure(
    `the issuer "${text}" is not an issuer's URL`,
    "give it as the provider writes it, without /.well-known/",
    2,
  );
}
