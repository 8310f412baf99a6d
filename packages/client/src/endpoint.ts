/** Opens the place where local apps find the client: a loopback address, a socket, or an address that others reach too. */
import type { ClientSettings } from "@smcp/config";
import { Failure, isLoopbackName } from "@smcp/core";
import { openListener, type Listener, type ListenerOptions } from "@smcp/edge";

import { openLoopback } from "./loopback.ts";
import { clearSocketPlace } from "./socket-place.ts";

/** What is open, and its URL. */
export interface Endpoint {
  readonly url: string;
  readonly listeners: readonly Listener[];
}

/**
 * Opens it.
 *
 * @throws {Failure} for an address or path that is taken, that is not this machine's own, or that nothing guards
 */
export async function openEndpoint(
  settings: ClientSettings,
  options: Omit<ListenerOptions, "host" | "port" | "path">,
): Promise<Endpoint> {
  const { host, port, socketPath: path } = settings;
  const at = { ...options, host, port };
  if (path !== undefined) {
    await clearSocketPlace(path);
    return { url: `unix:${path}`, listeners: [await openListener({ ...at, path })] };
  }
  const listeners = isLoopbackName(host) ? await openLoopback(at) : await openRemote(settings, at);
  const name = host.includes(":") ? `[${host}]` : host;
  return { url: `${settings.tls ? "https" : "http"}://${name}:${listeners[0]?.port}`, listeners };
}

/** The flags were judged before; this holds for whoever builds settings by hand. */
async function openRemote(settings: ClientSettings, options: ListenerOptions): Promise<readonly Listener[]> {
  if (settings.localSecret) return [await openListener(options)];
  throw new Failure(
    `the client does not listen on "${settings.host}": whoever reaches it speaks in your name`,
    "listen on 127.0.0.1; other addresses need a local secret",
    2,
  );
}
