/** What `smcp doctor` looks at on this machine: the place that apps come to, and the place that tokens are kept in. */
import { unlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

import type { ClientSettings } from "@smcp/config";
import { describeError, isLoopbackName, type Log } from "@smcp/core";

import { openKeyring } from "../store/keyring.ts";
import { openSessionStore } from "../store/open.ts";
import { placeOf } from "../store/place.ts";
import { codeOf, FileUnsafe, openFolder } from "../store/private-file.ts";
import { fail, ok, warn, type Finding } from "./finding.ts";
import { clientAt } from "./running.ts";

/** Whether apps can reach the client: the address is free, or our own client has it. */
export async function checkPort(settings: ClientSettings): Promise<Finding> {
  const { host, port, socketPath, stdioPath } = settings;
  if (stdioPath !== undefined) return ok("port", "none is needed: apps speak on stdin and stdout");
  const address = socketPath ?? `${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (socketPath !== undefined) return ok("port", `apps come to the socket ${socketPath}`);
  const error = await whyTaken(isLoopbackName(host) && host === "localhost" ? "127.0.0.1" : host, port);
  if (error === undefined) return ok("port", `${address} is free`);
  const own = error === "EADDRINUSE" ? await clientAt(settings) : undefined;
  if (own) return ok("port", `smcp client runs on ${own.url} (pid ${own.pid})`);
  if (error === "EADDRINUSE") {
    return fail("port", `${address} is taken by another program`, "stop that program, or choose another --port");
  }
  return fail("port", `${address} cannot be listened on (${error})`, "choose another --host or --port");
}

function whyTaken(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** Whether a sign-in can be kept. */
export async function checkStore(settings: ClientSettings, log: Log): Promise<Finding> {
  const { tokenStore, stateFolder } = settings;
  if (tokenStore === "memory") return ok("token-store", "tokens are kept in memory, until the client ends");
  try {
    await openFolder(stateFolder);
    const probe = join(stateFolder, `probe-${process.pid}`);
    await writeFile(probe, "", { flag: "wx", mode: 0o600 });
    await unlink(probe);
  } catch (error) {
    const hint =
      error instanceof FileUnsafe ? error.hint : "make the folder writable for this user, or free some space";
    return fail("token-store", `"${stateFolder}" cannot be used: ${describeError(error)}`, hint);
  }
  let problem: string | undefined;
  const warned: Log = { ...log, warn: (fields, message) => (problem ??= `${message}: ${String(fields["reason"])}`) };
  await (await openSessionStore(placeOf({ ...settings, tokenStore: "auto" }), warned)).read();
  if (problem !== undefined) return warn("token-store", problem, "smcp login signs in anew");
  return tokenStore === "file" ? ok("token-store", `a file in "${stateFolder}"`) : checkKeyring(settings);
}

async function checkKeyring({ tokenStore, stateFolder }: ClientSettings): Promise<Finding> {
  try {
    await (await openKeyring()).get();
    return ok("token-store", `a file in "${stateFolder}", sealed by the keyring`);
  } catch (error) {
    const isMissing = codeOf(error) === "ERR_MODULE_NOT_FOUND";
    const reason = isMissing ? "@napi-rs/keyring is not installed" : describeError(error);
    if (tokenStore === "keyring") {
      return fail("token-store", `there is no keyring: ${reason}`, "unlock or install one, or use --token-store auto");
    }
    return ok("token-store", `a file in "${stateFolder}" that only this user can read (no keyring: ${reason})`);
  }
}
