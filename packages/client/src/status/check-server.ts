/** What `smcp doctor` looks at of the server: its name, the way to it, its clock beside ours, what it says of itself. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { connect as connectTls, type PeerCertificate } from "node:tls";

import type { ClientSettings } from "@smcp/config";
import { describeError, formatDuration, isLoopbackName, type Duration } from "@smcp/core";
import type { Trust } from "@smcp/edge";

import type { BoundedFetch } from "../tokens/bounded-fetch.ts";
import { readMetadata, type ServerMetadata } from "../tokens/metadata.ts";
import { fail, ok, warn, type Finding } from "./finding.ts";

/** How the other side is reached. */
export interface Remote {
  readonly settings: ClientSettings;
  readonly trust: Trust | undefined;
  readonly fetch: BoundedFetch;
}

const LIMIT: Duration = 10_000;
const FORTNIGHT: Duration = 14 * 86_400_000;
/** Tokens are judged by the second: more than this and some are refused; much more, and all are. */
const CLOCK_WARN: Duration = 30_000;
const CLOCK_FAIL: Duration = 300_000;

/** Whether a name leads anywhere. */
export async function checkName(of: "server" | "issuer", { hostname }: URL): Promise<Finding> {
  const check = `dns-${of}`;
  const name = hostname.replace(/^\[|\]$/g, "");
  if (isIP(name)) return ok(check, `${name} is an address`);
  try {
    const { address } = await limited(lookup(name));
    return ok(check, `${name} is ${address}`);
  } catch (error) {
    return fail(
      check,
      `the name "${name}" cannot be resolved: ${describeError(error)}`,
      "check the spelling, the network and the VPN",
    );
  }
}

/** Whether a certificate is there that this client believes, and for how long. */
export async function checkTls(of: "server" | "issuer", url: URL, trust: Trust | undefined): Promise<Finding> {
  const check = `tls-${of}`;
  if (url.protocol !== "https:") {
    if (isLoopbackName(url.hostname)) return ok(check, `${url.host} is on this machine, without TLS`);
    return warn(check, `${url.host} is reached without encryption`, "use an https URL");
  }
  try {
    const { valid_to: until, issuer } = await limited(certificateOf(url, trust));
    const left = Date.parse(until) - Date.now();
    if (left < FORTNIGHT) return warn(check, `the certificate of ${url.host} ends at ${until}`, "have it renewed");
    return ok(check, `the certificate of ${url.host} is by ${String(issuer.O ?? issuer.CN)} and lasts until ${until}`);
  } catch (error) {
    return fail(
      check,
      `no TLS with ${url.host}: ${describeError(error)}`,
      "name the authority of your company with --ca-file, if it has one of its own; else check the address",
    );
  }
}

function certificateOf(url: URL, trust: Trust | undefined): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const socket = connectTls({
      host,
      port: Number(url.port || 443),
      ...(isIP(host) === 0 && { servername: host }),
      ...(trust && { secureContext: trust.context() }),
      timeout: LIMIT,
    });
    socket.once("secureConnect", () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.once("error", reject);
    socket.once("timeout", () => socket.destroy(new Error("no answer in time")));
  });
}

/** The server itself: TLS, health, clock, metadata. */
export async function checkServer(
  remote: Remote,
): Promise<{ readonly findings: Finding[]; readonly metadata: ServerMetadata | undefined }> {
  const { settings, trust, fetch } = remote;
  const { serverUrl } = settings;
  const tls = await checkTls("server", serverUrl, trust);
  if (tls.result === "fail") return { findings: [tls], metadata: undefined };
  let response: Response;
  const health = `${serverUrl.origin}${serverUrl.pathname.replace(/\/+$/, "")}/health`;
  try {
    response = await fetch(health);
  } catch (error) {
    const away = fail(
      "server",
      `the smcp server at ${serverUrl.host} cannot be reached: ${describeError(error)}`,
      "check --server-url, the network and the VPN, and that smcp server runs there",
    );
    return { findings: [tls, away], metadata: undefined };
  }
  const reached =
    response.status === 200
      ? ok("server", `the smcp server at ${serverUrl.host} is healthy`)
      : warn(
          "server",
          `${health} answered ${response.status}`,
          "check --server-url: is this an smcp server, and is its path right?",
        );
  const { finding, metadata } = await checkMetadata(remote);
  return { findings: [tls, reached, checkClock(serverUrl.host, response), finding], metadata };
}

function checkClock(host: string, response: Response): Finding {
  const there = Date.parse(response.headers.get("date") ?? "");
  if (Number.isNaN(there)) return warn("clock", `${host} does not tell its time`, "compare the clocks yourself");
  // The header has whole seconds.
  const off = Math.abs(Date.now() - there);
  if (off < CLOCK_WARN) return ok("clock", `this clock and that of ${host} agree`);
  const message = `this clock is ${formatDuration(Math.round(off / 1_000) * 1_000)} ${Date.now() > there ? "ahead of" : "behind"} that of ${host}`;
  const hint = "switch on automatic time on this machine, or tell whoever runs the server";
  return off < CLOCK_FAIL ? warn("clock", message, hint) : fail("clock", message, hint);
}

async function checkMetadata({
  settings: { serverUrl, oidc, authMode },
  fetch,
}: Remote): Promise<{ readonly finding: Finding; readonly metadata: ServerMetadata | undefined }> {
  const metadata = await readMetadata(serverUrl, fetch);
  if ("away" in metadata) {
    const finding = fail("metadata", `the server's metadata cannot be read: ${metadata.away}`, "ask whoever runs it");
    return { finding, metadata: undefined };
  }
  if ("absent" in metadata) {
    const message = "the server names no identity provider";
    const isEnough = oidc.issuer !== undefined || authMode === "none";
    const finding = isEnough
      ? ok("metadata", `${message}, and none is asked of it`)
      : warn("metadata", message, "if it asks for sign-in, give --oidc-issuer and --oidc-client-id");
    return { finding, metadata: undefined };
  }
  const [issuer] = metadata.issuers;
  if (issuer === undefined) {
    const finding = warn("metadata", "the server's metadata names no identity provider", "give --oidc-issuer");
    return { finding, metadata };
  }
  return { finding: ok("metadata", `the server names the identity provider ${issuer}`), metadata };
}

async function limited<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("no answer in time")), LIMIT);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
