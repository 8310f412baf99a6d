/** Addresses as `listen` and `server.host` have them. */

/** The host of `listen`; empty when it names none. */
export function listenHost(listen: string): string {
  return listen.slice(0, listen.lastIndexOf(":"));
}

/** An address without the brackets that IPv6 wears in URLs. */
export function bare(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}
