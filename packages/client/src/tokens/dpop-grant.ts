/** Token requests that bind what they bring to a key, and when that is asked for. */
import { isBelow } from "@smcp/core";
import type { ClientSignIn } from "@smcp/config";
import type { DPoPHandle, ServerMetadata as IssuerMetadata } from "openid-client";

import type { BoundedFetch } from "./bounded-fetch.ts";
import { DpopKey, PROOF_ALGORITHM } from "./dpop-key.ts";
import { responseOf, type OpenIssuer } from "./issuer-link.ts";
import { IssuerUnusable } from "./issuer-metadata.ts";
import { readMetadata, type ServerMetadata } from "./metadata.ts";
import type { Session } from "./session.ts";

/** What a grant's tokens are to be bound to. */
export interface Binding {
  readonly key: DpopKey;
  /** Tokens that are bound to nothing are refused. */
  readonly isRequired: boolean;
}

/**
 * Makes a grant, with the key where there is one; nonces are openid-client's matter. Once more where the issuer's clock
 * turns out to be another.
 *
 * @param grant one token request with these options
 * @throws {IssuerUnusable} for a token that is not bound and has to be, and whatever `grant` rejects with
 */
export async function boundGrant<T extends { readonly token_type: string }>(
  issuer: OpenIssuer,
  binding: Binding | undefined,
  grant: (options: { readonly DPoP: DPoPHandle } | undefined) => Promise<T>,
): Promise<T> {
  if (!binding) return grant(undefined);
  const { key, isRequired } = binding;
  const options = { DPoP: key.handleFor(issuer) };
  const answer = await grant(options).catch((error: unknown) => {
    const { error: code } = error as { readonly error?: unknown };
    if (code !== "invalid_dpop_proof" || !key.follow(responseOf(error)?.headers.get("date") ?? null)) throw error;
    return grant(options);
  });
  if (isRequired && !isBound(answer)) throw new IssuerUnusable("gave a token that is bound to no key (DPoP)");
  return answer;
}

/** Whether an answer's token is bound to the key that came with the request. */
export function isBound({ token_type: type }: { readonly token_type: string }): boolean {
  return type === "dpop";
}

/** The key of a session, for its renewal: what is bound stays bound. */
export async function bindingOf({ dpopKey }: Session): Promise<Binding | undefined> {
  return dpopKey && { key: await DpopKey.open(dpopKey), isRequired: true };
}

type Mode = ClientSignIn["dpop"];

/**
 * Whether tokens are to be bound. Left to us (`auto`), where both say that they know how, and the server calls itself what
 * we call it: proofs name the address that was asked.
 */
export function wantsBinding(mode: Mode, issuer: IssuerMetadata, server: ServerMetadata, serverUrl: URL): boolean {
  if (mode === "on" || mode === "off") return mode === "on";
  return isBindingIssuer(issuer) && isProofTaken(server, serverUrl);
}

function isBindingIssuer({ dpop_signing_alg_values_supported: algorithms }: IssuerMetadata): boolean {
  return Array.isArray(algorithms) && algorithms.includes(PROOF_ALGORITHM);
}

function isProofTaken({ dpop, resource }: ServerMetadata, serverUrl: URL): boolean {
  if (!dpop.algorithms.includes(PROOF_ALGORITHM)) return false;
  const url = resource === undefined ? null : URL.parse(resource);
  return dpop.isRequired || (url?.origin === serverUrl.origin && isBelow(pathOf(serverUrl), pathOf(url)));
}

function pathOf({ pathname }: URL): string {
  return pathname.replace(/\/+$/, "") || "/";
}

/** Opens the key for a sign-in: the one that there is, else a new one. */
export async function openBinding(mode: Mode, before: Session["dpopKey"]): Promise<Binding> {
  const key = before && (await DpopKey.open(before).catch(() => undefined));
  return { key: key ?? (await DpopKey.make()), isRequired: mode === "on" };
}

/** Finds what a machine's tokens are bound to: a key of this process alone. The server is asked only where it matters. */
export function machineBinding(
  mode: Mode,
  serverUrl: URL,
  fetch: BoundedFetch,
): (issuer: OpenIssuer) => Promise<Binding | undefined> {
  let binding: Promise<Binding> | undefined;
  let server: ServerMetadata | undefined;
  return async ({ configuration }) => {
    const issuer = configuration.serverMetadata();
    if (mode !== "on") {
      if (mode === "off" || !isBindingIssuer(issuer)) return undefined;
      const found = server ?? (await readMetadata(serverUrl, fetch));
      // A server that is away says nothing: it is asked again with the next token.
      if (!("dpop" in found)) return undefined;
      server = found;
      if (!wantsBinding(mode, issuer, server, serverUrl)) return undefined;
    }
    return (binding ??= openBinding(mode, undefined));
  };
}
