/** A `Host` value in its parts. */
export interface Host {
  /** Lower-case, no port; IPv6 in brackets. */
  readonly name: string;
  /** Absent when the value names no port. */
  readonly port: number | undefined;
}

const NAME = /^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/;
const IPV6 = /^\[[0-9a-f:.]{2,45}\]$/;

/** Reads a `Host` value strictly: no user part, no trailing dot, no path, a plain port, an address in its usual form. */
export function parseHost(value: string): Host | undefined {
  if (value.length > 262) return undefined;
  const text = value.toLowerCase();
  const found = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(text);
  const name = found?.[1];
  if (!name || !(NAME.test(name) || IPV6.test(name)) || !isUrlHost(name)) return undefined;
  const port = found[2] === undefined ? undefined : Number(found[2]);
  if (port !== undefined && port > 65_535) return undefined;
  return { name, port };
}

/** False for what no URL can name, and for `127.1` and its like, which URL parsers take for another text than it is. */
function isUrlHost(name: string): boolean {
  const host = URL.parse(`http://${name}`)?.hostname;
  return name.startsWith("[") ? host !== undefined : host === name;
}

/** Reads `Host` values, most of which are the one before: it is remembered with its answer. */
export function hostReader(): (value: string) => Host | undefined {
  let last = "";
  let host: Host | undefined;
  return (value) => {
    if (value !== last) {
      host = parseHost(value);
      last = value;
    }
    return host;
  };
}

/** True for the names and addresses of this machine itself. */
export function isLoopbackName(name: string): boolean {
  return name === "localhost" || name === "[::1]" || name === "::1" || /^127(?:\.\d{1,3}){3}$/.test(name);
}
