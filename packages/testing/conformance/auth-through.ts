/** A scenario of sign-in through `smcp client`: the program itself, an app at its endpoint, a person who reads its log. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { browse } from "../src/index.ts";
import { CLIENT_DOCUMENT, issuerOf, visitAs, type Scenario } from "./auth-scenario.ts";

const SMCP = fileURLToPath(new URL("../../../node_modules/.bin/smcp", import.meta.url));

/** Goes through a scenario with a client of smcp in between; rejects where the app gives up. */
export async function runThroughSmcp(scenario: Scenario): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "smcp-conformance-auth-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const flags = [...COMMON, ...(await flagsFor(scenario, folder))];
  const laptop = stack.use(new Laptop(scenario.url, flags, folder));
  await visitAs(scenario, { url: await laptop.url, again: (error) => laptop.finished(error) }).catch(
    (error: unknown) => {
      throw new Error(laptop.log, { cause: error });
    },
  );
}

const COMMON = ["--port=0", "--no-open", "--token-store=file", "--log-format=json", "--shutdown-timeout=200ms"];

/** What a person who uses this server would have been told to give. */
async function flagsFor(scenario: Scenario, folder: string): Promise<string[]> {
  const { name, context } = scenario;
  const { client_id: id, client_secret: secret, private_key_pem: key, valid_jwt: workload } = context;
  const file = async (text: string): Promise<string> => {
    const path = join(folder, "secret");
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  return [
    ...(id === undefined ? [] : [`--oidc-client-id=${id}`]),
    // A secret goes only to an issuer that a person named.
    ...((secret ?? key ?? workload) === undefined ? [] : [`--oidc-issuer=${await issuerOf(scenario)}`]),
    ...(secret === undefined ? [] : [`--oidc-client-secret-file=${await file(secret)}`]),
    ...(key === undefined ? [] : [`--oidc-private-key-file=${await file(key)}`]),
    ...(workload === undefined ? [] : [`--oidc-assertion-file=${await file(workload)}`]),
    ...(FLAGS[name] ?? []),
  ];
}

/** Flags of single scenarios. */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  "auth/basic-cimd": [`--oidc-client-id=${CLIENT_DOCUMENT}`],
  "auth/offline-access-scope": [`--oidc-client-id=${CLIENT_DOCUMENT}`],
  "auth/pre-registration": ["--oidc-flow=browser"],
  // The servers there do not say that they take proofs.
  "auth/dpop": ["--dpop=on"],
  "auth/dpop-nonce": ["--dpop=on"],
  // Contract 3: another issuer than before is followed where a person says so.
  "auth/authorization-server-migration": ["--accept-issuer-change"],
  // Without any metadata nobody says that PKCE is known.
  "auth/2025-03-26-oauth-endpoint-fallback": ["--allow-unadvertised-pkce"],
};

/** Sign-in needed: the code that an app gets. */
const SIGN_IN_PENDING = 40_101;

/** The program, and the person in front of it. */
class Laptop implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #url = Promise.withResolvers<URL>();
  readonly #lines: string[] = [];
  /** Pages that the person opened. */
  readonly #visits = new Map<string, Promise<unknown>>();
  /** Pages that an app was told of. */
  readonly #told = new Set<string>();

  constructor(serverUrl: string, flags: readonly string[], folder: string) {
    this.#child = spawn(SMCP, ["client", `--server-url=${serverUrl}`, ...flags], {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: folder, XDG_STATE_HOME: folder, XDG_CONFIG_HOME: folder },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", () => resolve()));
    if (this.#child.stderr) createInterface({ input: this.#child.stderr }).on("line", (line) => this.#read(line));
    this.#url.promise.catch(() => undefined);
    void this.#ended.then(() => this.#url.reject(new Error(`smcp client ended:\n${this.log}`)));
  }

  /** Where apps go. */
  get url(): Promise<URL> {
    return this.#url.promise;
  }

  get log(): string {
    return this.#lines.join("\n");
  }

  /** Whether an error asked for a sign-in that has been finished since: one way or the other. */
  async finished(error: unknown): Promise<boolean> {
    const { code, message } = error as { readonly code?: unknown; readonly message: string };
    const page = /open (http\S+) /.exec(message)?.[1];
    if (code !== SIGN_IN_PENDING || page === undefined || this.#told.has(page)) return false;
    this.#told.add(page);
    await this.#visit(page);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#ended;
  }

  #read(line: string): void {
    this.#lines.push(line);
    const { msg = "", url: page } = said(line);
    const place = /^(http:\S+) relays to /.exec(msg)?.[1];
    if (place !== undefined) this.#url.resolve(new URL(place));
    if (page !== undefined) void this.#visit(page);
  }

  /** Opens a page once. What became of it stands in the program's next answer. */
  #visit(page: string): Promise<unknown> {
    const visit = this.#visits.get(page) ?? browse(page).catch(() => undefined);
    this.#visits.set(page, visit);
    return visit;
  }
}

function said(line: string): { readonly msg?: string; readonly url?: string } {
  try {
    return JSON.parse(line) as { readonly msg?: string; readonly url?: string };
  } catch {
    return {};
  }
}
