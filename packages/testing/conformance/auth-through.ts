/** A scenario of sign-in through `smcp client`: an app at its endpoint, and a person who goes where they are sent. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { startClient } from "@smcp/client";
import { loadClientSettings } from "@smcp/config";

import { browse, collectLog } from "../src/index.ts";
import { CLIENT_DOCUMENT, issuerOf, visitAs, type Scenario } from "./auth-scenario.ts";

const SMCP = fileURLToPath(new URL("../../../node_modules/.bin/smcp", import.meta.url));

/** Goes through a scenario with a client of smcp in between; rejects where the app gives up. */
export async function runThroughSmcp(scenario: Scenario, start: Start = startProgram): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "smcp-conformance-auth-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const flags = { ...COMMON, "server-url": scenario.url, ...(await flagsFor(scenario, folder)) };
  const person = new Passer();
  const laptop = stack.use(await start(flags, folder, person));
  const again = (error: unknown): Promise<boolean> => person.finished(error);
  await visitAs(scenario, { url: laptop.url, again }).catch((error: unknown) => {
    throw new Error(laptop.log(), { cause: error });
  });
}

/** Flags by name, as they are typed. */
type Flags = Readonly<Record<string, string>>;

interface Laptop extends AsyncDisposable {
  /** Where apps go. */
  readonly url: URL;
  log(): string;
}

type Start = (flags: Flags, folder: string, person: Passer) => Promise<Laptop>;

const COMMON: Flags = { port: "0", open: "false", "token-store": "file", "shutdown-timeout": "200ms" };

/** What a person who uses this server would have been told to give. */
async function flagsFor(scenario: Scenario, folder: string): Promise<Flags> {
  const { name, context } = scenario;
  const { client_id: id, client_secret: secret, private_key_pem: key, valid_jwt: workload } = context;
  const flags: Record<string, string> = { ...(id !== undefined && { "oidc-client-id": id }), ...FLAGS[name] };
  const proofs = { "client-secret": secret, "private-key": key, assertion: workload };
  for (const [proof, text] of Object.entries(proofs)) {
    if (text === undefined) continue;
    const file = join(folder, proof);
    await writeFile(file, text, { mode: 0o600 });
    flags[`oidc-${proof}-file`] = file;
    // A secret goes only to an issuer that a person named.
    flags["oidc-issuer"] = await issuerOf(scenario);
  }
  return flags;
}

/** Flags of single scenarios. */
const FLAGS: Readonly<Record<string, Flags>> = {
  "auth/basic-cimd": { "oidc-client-id": CLIENT_DOCUMENT },
  "auth/offline-access-scope": { "oidc-client-id": CLIENT_DOCUMENT },
  "auth/pre-registration": { "oidc-flow": "browser" },
  // The servers there do not say that they take proofs.
  "auth/dpop": { dpop: "on" },
  "auth/dpop-nonce": { dpop: "on" },
  // Contract 3: another issuer than before is followed where a person says so.
  "auth/authorization-server-migration": { "accept-issuer-change": "true" },
  // Without any metadata nobody says that PKCE is known.
  "auth/2025-03-26-oauth-endpoint-fallback": { "allow-unadvertised-pkce": "true" },
};

/** Sign-in needed: the code that an app gets. */
const SIGN_IN_PENDING = 40_101;

/** The person: opens each page once, and goes where it leads. What became of it stands in the client's next answer. */
class Passer {
  readonly #visits = new Map<string, Promise<unknown>>();
  /** Pages that an app was told of. */
  readonly #told = new Set<string>();

  visit(page: string): Promise<unknown> {
    const visit = this.#visits.get(page) ?? browse(page).catch(() => undefined);
    this.#visits.set(page, visit);
    return visit;
  }

  /** Whether an error asked for a sign-in that has been finished since: one way or the other. */
  async finished(error: unknown): Promise<boolean> {
    const { code, message } = error as { readonly code?: unknown; readonly message: string };
    const page = /open (http\S+) /.exec(message)?.[1];
    if (code !== SIGN_IN_PENDING || page === undefined || this.#told.has(page)) return false;
    this.#told.add(page);
    await this.visit(page);
    return true;
  }
}

/** The program itself; the person reads its log. */
async function startProgram(flags: Flags, folder: string, person: Passer): Promise<Laptop> {
  const typed = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(SMCP, ["client", ...typed, "--log-format=json"], {
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: folder, XDG_STATE_HOME: folder, XDG_CONFIG_HOME: folder },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const { promise, resolve, reject } = Promise.withResolvers<URL>();
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    const { msg = "", url: page } = said(line);
    const place = /^(http:\S+) relays to /.exec(msg)?.[1];
    if (place !== undefined) resolve(new URL(place));
    if (page !== undefined) void person.visit(page);
  });
  void ended.then(() => reject(new Error(`smcp client ended:\n${lines.join("\n")}`)));
  return {
    url: await promise,
    log: () => lines.join("\n"),
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
    },
  };
}

function said(line: string): { readonly msg?: string; readonly url?: string } {
  try {
    return JSON.parse(line) as { readonly msg?: string; readonly url?: string };
  } catch {
    return {};
  }
}

/** The same client in this process, which starts in no time; the person is shown the page. */
export async function startHere(flags: Flags, folder: string, person: Passer): Promise<Laptop> {
  const env = { HOME: folder, XDG_STATE_HOME: folder, XDG_CONFIG_HOME: folder };
  const { settings } = loadClientSettings({ flags, env, cwd: folder });
  const { log, lines } = collectLog();
  const client = await startClient(settings, log, undefined, {
    hasBrowser: false,
    open: () => Promise.resolve(false),
    show: ({ url }) => {
      void person.visit(url);
      return Promise.resolve(true);
    },
  });
  return {
    url: new URL(client.url),
    log: () => lines.map((one) => JSON.stringify(one)).join("\n"),
    [Symbol.asyncDispose]: () => client.close(),
  };
}
