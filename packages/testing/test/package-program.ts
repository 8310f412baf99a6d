/** A published form of the program, run as its user runs it: outside of the repository, with nothing of its environment. */
import { type ChildProcess, spawn, spawnSync, type SpawnSyncReturns } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { recordingBackend, signingIssuer } from "@smcp/testing";

export const root = fileURLToPath(new URL("../../..", import.meta.url));

/** A folder outside of the repository, and the programs that were started in it. */
export class Place implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "smcp-package-"));
  readonly #running = new Set<ChildProcess>();

  get env(): Record<string, string> {
    return {
      PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
      HOME: this.path,
      npm_config_cache: `${this.path}/npm`,
    };
  }

  write(name: string, text: string): string {
    const file = join(this.path, name);
    writeFileSync(file, text);
    return file;
  }

  /** Runs a command to its end. */
  run(command: string, args: readonly string[], cwd = this.path): SpawnSyncReturns<string> {
    return spawnSync(command, args, { cwd, env: this.env, encoding: "utf8", timeout: 60_000 });
  }

  /** Runs one of npm's commands, by the npm that is on the path of the tests. */
  npm(args: readonly string[], cwd = this.path): SpawnSyncReturns<string> {
    const env = { ...this.env, PATH: process.env["PATH"], npm_config_loglevel: "error" };
    return spawnSync("npm", args, { cwd, env, encoding: "utf8", timeout: 60_000 });
  }

  /** Starts a program and waits until its log has what the pattern wants. */
  async start(command: string, args: readonly string[], pattern: RegExp): Promise<Started> {
    const child = spawn(command, args, { cwd: this.path, env: this.env, stdio: ["ignore", "ignore", "pipe"] });
    this.#running.add(child);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      const found = pattern.exec((stderr += text))?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("error", reject);
    child.once("close", () => reject(new Error(`${command} ended without saying ${String(pattern)}:\n${stderr}`)));
    const url = await promise;
    return {
      url,
      async stop() {
        child.kill("SIGTERM");
        const [code] = (await once(child, "exit")) as [number | null];
        return code;
      },
    };
  }

  [Symbol.dispose](): void {
    for (const child of this.#running) child.kill("SIGKILL");
    rmSync(this.path, { recursive: true, force: true });
  }
}

interface Started {
  readonly url: string;
  /** Asks it to stop and gives its exit code. */
  stop(): Promise<number | null>;
}

interface Resource {
  readonly resource: string;
}

const CALL = { jsonrpc: "2.0", id: 7, method: "tools/list" };

/** What a call through client and server gave. */
export interface Tour {
  readonly health: string;
  /** The server as its metadata names it. */
  readonly resource: string;
  /** Whom the backend was told of. */
  readonly subject: unknown;
  readonly answer: unknown;
  /** The exit codes of client and server after SIGTERM. */
  readonly codes: readonly (number | null)[];
}

/**
 * Runs `smcp server` before a backend of the test and `smcp client` before that, signed in at an issuer of the test, and
 * sends one call through both.
 */
export async function tourPair(place: Place, smcp: string): Promise<Tour> {
  await using backend = await recordingBackend();
  await using issuer = await signingIssuer();
  const file = place.write(
    "smcp.yaml",
    `listen: "127.0.0.1:0"
oidc: { issuers: ["${issuer.issuer}"], audience: api }
servers: { docs: { url: "${backend.url}/mcp" } }
`,
  );
  const server = await place.start(smcp, ["server", "-c", file], /address: (http:\/\/127\.0\.0\.1:\d+)/);
  const relays = /(http:\/\/127\.0\.0\.1:\d+) relays to/;
  const secret = place.write("secret", "a-secret-of-the-test");
  const signIn = [`--oidc-issuer=${issuer.issuer}`, "--oidc-client-id=app", `--oidc-client-secret-file=${secret}`];
  const client = await place.start(smcp, ["client", `--server-url=${server.url}`, "--port=0", ...signIn], relays);
  const health = await fetch(`${client.url}/health`);
  const answer = await fetch(`${client.url}/mcp/docs`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify(CALL),
  });
  return {
    health: await health.text(),
    // Answered by the framework, which is loaded for it only now.
    resource: ((await (await fetch(`${server.url}/.well-known/oauth-protected-resource`)).json()) as Resource).resource,
    subject: backend.seen[0]?.headers["x-subject"],
    answer: await answer.json(),
    codes: [await client.stop(), await server.stop()],
  };
}
