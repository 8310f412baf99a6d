/**
 * Which sign-in is meant. The names of files come from what was asked for (flags, variables, client.yaml), never from what
 * was learnt of the server: so every command finds the same session, offline too.
 */
import { hash } from "node:crypto";
import { join } from "node:path";

import type { ClientSettings } from "@smcp/config";

import type { TokenStoreKind } from "./store.ts";

const SESSION = ".session.json";

/** What tells one sign-in from another. */
export type PlaceSettings = Pick<ClientSettings, "serverUrl" | "profile" | "tokenStore" | "stateFolder" | "oidc">;

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
 * The place of what the settings ask for. The flow is no part of it: whoever signed in by device code is signed in for a
 * client that would have opened a browser. Machines (client credentials) keep nothing.
 */
export function placeOf(settings: PlaceSettings): ProfilePlace {
  const { serverUrl, profile, tokenStore: kind, stateFolder: folder, oidc } = settings;
  const { issuer = "", clientId = "", audience = "", resource, scopes, dpop = "auto" } = oidc;
  const server = serverOf(serverUrl);
  const group = digest([server, profile]).slice(0, 16);
  // Who will have no bound tokens, or no others, cannot use those of somebody who takes both.
  const bound = dpop === "auto" ? [] : [{ dpop }];
  const key = digest([server, profile, issuer, clientId, audience, resource, ...scopes.toSorted(), ...bound]).slice(
    0,
    32,
  );
  return { kind, folder, server, profile, group, key };
}

/** Origin and path without a slash at its end: what tells one server from another. */
function serverOf(url: URL): string {
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function digest(parts: readonly unknown[]): string {
  return hash("sha256", JSON.stringify(parts), "hex");
}

/** The file of the session itself. */
export function sessionFile({ folder, group, key }: ProfilePlace): string {
  return join(folder, `${group}-${key}${SESSION}`);
}

/** The file that is there while somebody replaces the session. */
export function lockFile({ folder, group, key }: ProfilePlace): string {
  return join(folder, `${group}-${key}.lock`);
}

/** The file of what is held on to of a server, under a profile. */
export function pinFile({ folder, group }: ProfilePlace): string {
  return join(folder, `${group}.pin.json`);
}

/** The key in the name of a session's file, `undefined` for any other file or another group's. */
export function sessionKeyOf(name: string, group?: string): string | undefined {
  const found = /^([0-9a-f]{16})-([0-9a-f]{32})\.session\.json$/.exec(name);
  return found && (group === undefined || found[1] === group) ? found[2] : undefined;
}
