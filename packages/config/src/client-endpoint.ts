/** Where the client listens for local apps: an address, a socket or nowhere, and what it asks of whoever reaches it. */
import { Failure, isLoopbackName } from "@smcp/core";
import type { ClientSettings } from "./client-settings.ts";
import { optional, type Values } from "./client-values.ts";
import type { FlagValues } from "./flags.ts";
import { bare } from "./listen.ts";
import { readLocalSecret } from "./local-secret.ts";
import { quote } from "./problem.ts";

/** The longest path that every system takes for a socket. */
const MAX_SOCKET_BYTES = 104;
const SCHEME = "unix:";

/** What a container may safely publish: the host's own loopback alone, to whoever has the secret. */
const CONTAINER_LINE =
  'docker run -p 127.0.0.1:8081:8081 -v "$PWD/local-secret:/run/secrets/local:ro" smcp client ' +
  "--allow-remote-bind --local-secret-file=/run/secrets/local --server-url=URL";

/**
 * Reads the part of the settings that says where apps are heard.
 *
 * @throws Failure with exit code 2 for an address that others reach and nothing guards
 */
export function localEndpoint(
  read: Values,
): Pick<ClientSettings, "host" | "port" | "socketPath" | "stdioPath" | "localSecret" | "requirePeerUid"> {
  const stdioPath = read.path("stdio");
  const host = bare(read.text("host") ?? "");
  const port = read.number("port");
  const requirePeerUid = read.isOn("require-peer-uid");
  // Nothing listens: neither the address nor what guards it means anything.
  if (stdioPath !== undefined) return { host, port, requirePeerUid, stdioPath };
  const socketPath = socket(read);
  if (socketPath === undefined) judgeHost(host, read);
  return {
    host,
    port,
    requirePeerUid,
    ...optional("socketPath", socketPath),
    ...optional("localSecret", readLocalSecret(read)),
  };
}

function socket(read: Values): string | undefined {
  const text = read.text("listen");
  if (text === undefined) return undefined;
  const path = text.startsWith(SCHEME) && text.length > SCHEME.length ? read.fileAt(text.slice(SCHEME.length)) : "";
  if (path === "") return read.fail("listen", "unix:PATH with the path of a socket", quote(text));
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_SOCKET_BYTES) return path;
  return read.fail("listen", `a path of at most ${MAX_SOCKET_BYTES} bytes`, `one of ${bytes}: ${quote(path)}`);
}

function judgeHost(host: string, read: Values): void {
  if (isLoopbackName(host)) return;
  const hasSecret = read.text("local-secret-file") !== undefined;
  if (hasSecret && read.isOn("allow-remote-bind")) return;
  const why = hasSecret ? "reach this endpoint" : "use this endpoint, which asks nobody who they are";
  throw new Failure(
    `"--host ${host}" would let other machines ${why}`,
    `leave it at 127.0.0.1; another address needs --allow-remote-bind and --local-secret-file; in a container: ${CONTAINER_LINE}`,
    2,
  );
}

/** Sentences about addresses on the command line that do nothing. A variable or a file may be for other starts. */
export function idleAddress({ origins }: FlagValues): string[] {
  const typed = (names: readonly string[]): string[] =>
    names.map((name) => `--${name}`).filter((flag) => origins.get(flag.slice(2)) === flag);
  if (origins.has("stdio")) {
    const idle = typed(["listen", "allow-remote-bind", "local-secret-file", "require-peer-uid"]);
    return idle.map((one) => `"${one}" does nothing with --stdio: nothing listens`);
  }
  if (!origins.has("listen")) return [];
  const idle = typed(["host", "port", "allow-remote-bind", "allow-host", "require-peer-uid"]);
  return idle.map((one) => `"${one}" does nothing with --listen: there is only the socket`);
}
