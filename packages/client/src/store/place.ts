/**
 * Which sign-in is meant. The names of files come from what was asked for (flags, variables, client.yaml), never from what
 * was learnt of the server: so every command finds the same session, offline too.
 */
import { hash } from "node:crypto";

import type { TokenStoreKind } from "./store.ts";

/** What a sign-in was asked for. Empty or left out: to be learnt from the server. */
export interface ProfileRequest {
  readonly serverUrl: URL;
  readonly profile: string;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly audience?: string;
  readonly resource: string;
  readonly scopes: readonly string[];
}

/** Where the files of one profile are. */
export interface ProfilePlace {
  readonly kind: TokenStoreKind;
  /** The state folder, absolute. */
  readonly folder: string;
  /** Origin and path of the server. */
  readonly server: string;
  readonly profile: string;
  /** Names everything of this server and profile. */
  readonly group: string;
  /** Names this very request among them. */
  readonly key: string;
}

/**
 * The place of a request. The flow is no part of it: whoever signed in by device code is signed in for a client that would
 * have opened a browser. Machines (client credentials) keep nothing.
 */
export function placeOf(request: ProfileRequest, kind: TokenStoreKind, folder: string): ProfilePlace {
  const { profile, issuer = "", clientId = "", audience = "", resource, scopes } = request;
  const server = serverOf(request.serverUrl);
  const group = digest([server, profile]).slice(0, 16);
  const key = digest([server, profile, issuer, clientId, audience, resource, ...scopes.toSorted()]).slice(0, 32);
  return { kind, folder, server, profile, group, key };
}

/** Origin and path without a slash at its end: what tells one server from another. */
export function serverOf(url: URL): string {
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function digest(parts: readonly string[]): string {
  return hash("sha256", JSON.stringify(parts), "hex");
}
