/** Where a request comes from and under which address the caller sees us: headers count only from trusted proxies. */
import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";

import type { ServerSettings } from "@smcp/config";
import { isLoopbackName, parseHost, type Host } from "@smcp/core";
import type { Admitted, GateRules } from "@smcp/edge";

/** The sender of a request and the origin that it was sent to. */
export interface Addressed {
  readonly address: string;
  readonly origin: string;
}

export class Addresses {
  readonly #trusted = new BlockList();
  readonly #hasTrusted: boolean;
  readonly #publicUrl: string | undefined;
  readonly #scheme: "http" | "https";
  #lastHost: string | undefined;
  #lastOrigin = "";

  constructor({ server }: ServerSettings) {
    this.#publicUrl = server.publicUrl;
    this.#scheme = server.tls ? "https" : "http";
    this.#hasTrusted = server.trustedProxies.length > 0;
    for (const one of server.trustedProxies) {
      const [address = "", bits] = one.split("/");
      const family = isIP(address) === 6 ? "ipv6" : "ipv4";
      this.#trusted.addSubnet(address, Number(bits ?? (family === "ipv6" ? 128 : 32)), family);
    }
  }

  /** Reads who sent a request and to which origin. */
  of(incoming: IncomingMessage, { headers }: Admitted): Addressed {
    const peer = plainAddress(incoming.socket.remoteAddress);
    if (!this.#hasTrusted) return { address: peer, origin: this.#originAt(headers.get("host")) };
    const isForwarded = this.#isTrusted(peer);
    const host =
      (isForwarded ? lastOf(headers.get("x-forwarded-host")) : undefined) ?? headers.get("host") ?? "localhost";
    const forwarded = isForwarded ? lastOf(headers.get("x-forwarded-proto")) : undefined;
    const scheme = forwarded === "https" || forwarded === "http" ? forwarded : this.#scheme;
    const origin = this.#publicUrl ?? `${scheme}://${hostText(parseHost(host) ? host : undefined)}`;
    return { address: isForwarded ? this.#firstUntrusted(headers.get("x-forwarded-for"), peer) : peer, origin };
  }

  /** The origin for a Host that counts; most requests name the one that the last request named. */
  #originAt(host: string | undefined): string {
    if (this.#publicUrl !== undefined) return this.#publicUrl;
    if (host !== this.#lastHost || this.#lastOrigin === "") {
      this.#lastOrigin = `${this.#scheme}://${hostText(host)}`;
      this.#lastHost = host;
    }
    return this.#lastOrigin;
  }

  #isTrusted(address: string): boolean {
    const family = this.#hasTrusted ? isIP(address) : 0;
    return family !== 0 && this.#trusted.check(address, family === 6 ? "ipv6" : "ipv4");
  }

  /** Proxies append: the last address that is not one of them is the sender. */
  #firstUntrusted(forwardedFor: string | undefined, peer: string): string {
    const chain = (forwardedFor ?? "").split(",").map((one) => one.trim());
    for (const one of chain.toReversed()) {
      if (isIP(one) === 0) break;
      if (!this.#isTrusted(one)) return one;
    }
    return peer;
  }
}

function hostText(host = "localhost"): string {
  return host.toLowerCase();
}

function plainAddress(address = ""): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}

function lastOf(list: string | undefined): string | undefined {
  return list?.split(",").at(-1)?.trim();
}

/** Which Host and Origin values are served, compiled from the settings. */
export function gateRules({ server, metrics }: ServerSettings): GateRules & { readonly isHostChecked: boolean } {
  const names = new Set(server.allowedHosts.map((one) => parseHost(one)?.name ?? one.toLowerCase()));
  const publicHost = server.publicUrl === undefined ? undefined : new URL(server.publicUrl);
  if (publicHost) names.add(publicHost.hostname);
  const isHostChecked = names.size > 0 || isLoopbackName(server.host);
  const origins = new Set([...server.allowedOrigins, ...(publicHost ? [publicHost.origin] : [])]);
  return {
    exempt: new Set(["/health", "/livez", "/readyz", ...(metrics.enabled ? [metrics.path] : [])]),
    isHostAllowed: (host: Host) => !isHostChecked || isLoopbackName(host.name) || names.has(host.name),
    isOriginAllowed: (origin) => origins.has(origin),
    refusesCrossSite: false,
    badHost: "HOST_INVALID",
    isHostChecked,
  };
}
