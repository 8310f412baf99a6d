/** What `smcp doctor` looks at of the identity provider, and of the sign-in that is kept. */
import { describeError, Failure, isRefusal, publicMessage, silentLog, systemClock } from "@smcp/core";

import { openSessionStore } from "../store/open.ts";
import { placeOf } from "../store/place.ts";
import { describeSession } from "../tokens/describe.ts";
import { chooseTokens, isMachine } from "../tokens/choose.ts";
import { IssuerUnusable, judgedIssuer, readIssuerMetadata } from "../tokens/issuer-metadata.ts";
import type { ServerMetadata } from "../tokens/metadata.ts";
import { checkName, checkTls, type Remote } from "./check-server.ts";
import { fail, ok, warn, type Finding } from "./finding.ts";

/** The identity provider that a flag or the server names, and whether somebody is signed in there. */
export async function checkIssuer(remote: Remote, metadata: ServerMetadata | undefined): Promise<Finding[]> {
  const { authMode, tokenFile, oidc } = remote.settings;
  if (authMode === "none") return [ok("sign-in", "none: --auth-mode none")];
  if (tokenFile !== undefined) return [await checkMachine(remote, `the token in "${tokenFile}" is sent`)];
  const issuer = oidc.issuer ?? metadata?.issuers[0];
  if (issuer === undefined) return [];
  const findings = await examineIssuer(remote, issuer);
  if (!isMachine(remote.settings)) return [...findings, await checkSignIn(remote)];
  return [...findings, await checkMachine(remote, "client credentials are good for a token")];
}

async function examineIssuer({ settings, trust, fetch }: Remote, issuer: string): Promise<Finding[]> {
  let url: URL;
  try {
    url = new URL(judgedIssuer(issuer));
  } catch (error) {
    return [fail("issuer", describeError(error), "check --oidc-issuer, or ask whoever runs the server")];
  }
  const name = await checkName("issuer", url);
  if (name.result === "fail") return [name];
  const tls = await checkTls("issuer", url, trust);
  if (tls.result === "fail") return [name, tls];
  try {
    const by = settings.oidc.issuer === undefined ? "server" : "person";
    const found = await readIssuerMetadata(issuer, by, fetch);
    const hasBrowser = found.authorization_endpoint !== undefined;
    const hasDevice = found.device_authorization_endpoint !== undefined;
    const ways = [...(hasBrowser ? ["browser"] : []), ...(hasDevice ? ["device code"] : [])];
    const how = ways.length > 0 ? `sign-in by ${ways.join(" or ")}` : "for machines only";
    return [name, tls, ok("issuer", `the identity provider ${url.host} answers: ${how}`), ...pkce(settings, found)];
  } catch (error) {
    const isWrong = error instanceof IssuerUnusable;
    const message = `the identity provider ${url.host} ${isWrong ? "" : "cannot be used: "}${describeError(error)}`;
    return [name, tls, fail("issuer", message, "check --oidc-issuer, or ask whoever runs it")];
  }
}

function pkce(
  { oidc }: Remote["settings"],
  found: { readonly authorization_endpoint?: string; readonly code_challenge_methods_supported?: string[] },
): Finding[] {
  if (found.authorization_endpoint === undefined || oidc.allowsUnadvertisedPkce === true) return [];
  if (found.code_challenge_methods_supported?.includes("S256") === true) return [];
  const message = "the identity provider does not say that it knows PKCE, which a sign-in by browser needs";
  return [warn("pkce", message, "if it does, give --allow-unadvertised-pkce")];
}

/** Whether a program gets its token: it is asked for, as by a request. */
async function checkMachine({ settings, trust }: Remote, message: string): Promise<Finding> {
  try {
    const tokens = await chooseTokens(settings, { log: silentLog, trust, attempted: () => undefined });
    const token = await tokens.get();
    if (!isRefusal(token)) return ok("sign-in", message);
    return fail("sign-in", publicMessage(token), "check what the client proves itself with");
  } catch (error) {
    if (error instanceof Failure) return fail("sign-in", error.message, error.hint);
    throw error;
  }
}

async function checkSignIn({ settings }: Remote): Promise<Finding> {
  const login = `smcp login --server-url ${settings.serverUrl.href}`;
  const session = await (await openSessionStore(placeOf({ ...settings, tokenStore: "auto" }), silentLog)).read();
  if (!session) return warn("sign-in", "nobody is signed in", `${login}, or use an app: the client then asks`);
  const { state, email, name, subject } = describeSession(session, systemClock.now());
  const who = email ?? name ?? subject ?? "somebody";
  if (state === "signed-in") return ok("sign-in", `${who} is signed in`);
  return warn("sign-in", `the sign-in of ${who} has expired`, login);
}
