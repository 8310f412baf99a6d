/** Fetches what an issuer publishes: bounded in time and size, never following a redirect, never to a URL from a token. */
import type { JSONWebKeySet, JWK } from "jose";

import type { Issuer } from "@smcp/config";
import { isLoopbackName } from "@smcp/core";
import { openPool, type Trust } from "@smcp/edge";

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
  // One connection for one document: minutes pass until the next.
  const pool = openPool(url.origin, TIMEOUT, trust);
  try {
    const { statusCode, body } = await pool.request({
      method: "GET",
      path: url.pathname + url.search,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
      headers: { accept: "application/json", "accept-encoding": "identity" },
    });
    if (statusCode !== 200) {
      await body.dump();
      throw new UnexpectedStatus(`${address} answered ${statusCode}`);
    }
    return await readJson(address, body);
  } finally {
    await pool.destroy();
  }
}

async function readJson(address: string, body: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > LIMIT) throw new Error(`${address} is larger than 256 KiB`);
    chunks.push(chunk);
  }
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  if (typeof value !== "object" || value === null) throw new Error(`${address} is not a JSON object`);
  return value;
}

function isPublicKey(key: unknown): key is JWK {
  if (typeof key !== "object" || key === null) return false;
  const { kty, d, use } = key as JWK;
  return kty !== "oct" && d === undefined && (use === undefined || use === "sig");
}
