/** Fetches what an issuer publishes: bounded in time and size, never following a redirect, never to a URL from a token. */
import type { JSONWebKeySet, JWK } from "jose";

import type { Issuer } from "@smcp/config";
import { isLoopbackName } from "@smcp/core";
import { fetchDocument, type Trust } from "@smcp/edge";

const LIMIT = 256 * 1_024;
const TIMEOUT = 10_000;
const MAX_KEYS = 100;

/** How an issuer is asked. */
export interface Asking {
  /** Whom to trust instead of the system's authorities. */
  readonly trust: Trust | undefined;
  readonly signal: AbortSignal;
}

/** The issuer's public signing keys. Rejects with a sentence that says what was wrong. */
export async function loadKeys(issuer: Issuer, asking: Asking): Promise<JSONWebKeySet> {
  const url = issuer.jwksUri ?? (await discoverKeysUrl(issuer.issuer, asking));
  const { keys } = (await fetchJson(url, asking)) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error(`${url} has no "keys"`);
  if (keys.length > MAX_KEYS) throw new Error(`${url} has more than ${MAX_KEYS} keys`);
  const usable = keys.filter((key) => isPublicKey(key));
  if (usable.length === 0) throw new Error(`${url} has no usable key`);
  return { keys: usable };
}

async function discoverKeysUrl(issuer: string, asking: Asking): Promise<string> {
  const document = (await discover(issuer, asking)) as { issuer?: unknown; jwks_uri?: unknown };
  if (document.issuer !== issuer) throw new Error(`the metadata of ${issuer} names another issuer`);
  if (typeof document.jwks_uri !== "string") throw new Error(`the metadata of ${issuer} has no "jwks_uri"`);
  const url = new URL(document.jwks_uri);
  if (url.hostname !== new URL(issuer).hostname) {
    throw new Error(`the keys of ${issuer} are on another host: name it in "jwks_uri" if that is right`);
  }
  return url.href;
}

/** OpenID Connect's place for metadata first, then RFC 8414's. */
async function discover(issuer: string, asking: Asking): Promise<unknown> {
  const url = new URL(issuer);
  const path = url.pathname.replace(/\/$/, "");
  try {
    return await fetchJson(`${url.origin}${path}/.well-known/openid-configuration`, asking);
  } catch (error) {
    if (!(error instanceof UnexpectedStatus)) throw error;
    return fetchJson(`${url.origin}/.well-known/oauth-authorization-server${path}`, asking);
  }
}

class UnexpectedStatus extends Error {}

async function fetchJson(address: string, { trust, signal }: Asking): Promise<unknown> {
  const url = new URL(address);
  if (url.protocol !== "https:" && !isLoopbackName(url.hostname)) throw new Error(`${address} is not https`);
  const { status, body } = await fetchDocument(url, {
    headers: { accept: "application/json" },
    timeout: TIMEOUT,
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
    limit: LIMIT,
    trust,
  });
  if (status !== 200) throw new UnexpectedStatus(`${address} answered ${status}`);
  const value: unknown = JSON.parse(body.toString("utf8"));
  if (typeof value !== "object" || value === null) throw new Error(`${address} is not a JSON object`);
  return value;
}

function isPublicKey(key: unknown): key is JWK {
  if (typeof key !== "object" || key === null) return false;
  const { kty, d, use } = key as JWK;
  return kty !== "oct" && d === undefined && (use === undefined || use === "sig");
}
