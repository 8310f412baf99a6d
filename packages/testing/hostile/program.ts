/** The program from source under a Node of one's choice, before a backend that records what reaches it. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { recordingBackend, type RecordingBackend } from "@smcp/testing";

import { Folder, type Program } from "../../cli/test/program.ts";
import type { Side } from "./case.ts";

/** A Node.js that the program is run under. */
export interface Runtime {
  readonly major: 24 | 26;
  /** Seen from node_modules/.bin. */
  readonly node: string;
  readonly isHere: boolean;
}

const BIN = new URL("../../../node_modules/.bin/", import.meta.url);
const SOURCE = fileURLToPath(new URL("../../cli/src/bin.ts", import.meta.url));

function runtime(major: 24 | 26, node: string): Runtime {
  return { major, node, isHere: existsSync(new URL(node, BIN)) };
}

/** The one that smcp is shipped with, and the oldest that it supports: a package of their own each. */
export const runtimes: readonly Runtime[] = [
  runtime(26, "node"),
  runtime(24, "../../packages/testing/node_modules/node-24/bin/node"),
];

/** One of the two programs, listening. */
export interface Target extends AsyncDisposable {
  readonly port: number;
  readonly backend: RecordingBackend;
  readonly program: Program;
}

const CONFIG = (backend: string): string => `
server: { host: 127.0.0.1, port: 0, read_timeout: 2s, max_body: 64KiB }
auth: { mode: none }
mcp:
  backends:
    - { id: docs, name: Docs, transport: http, path: /docs, strip_path: true, url: "${backend}/docs" }
    - { id: other, name: Other, transport: http, path: /other, strip_path: true, url: "${backend}/other" }
`;

/**
 * Starts a program; every path that it relays leads to the recording backend.
 *
 * @param flags further ones for Node itself
 */
export async function startTarget(side: Side, { node }: Runtime, flags: readonly string[] = []): Promise<Target> {
  const folder = new Folder();
  const backend = await recordingBackend((seen, response) => {
    response.setHeader("content-type", "application/json").end(JSON.stringify({ path: seen.url.slice(0, 100) }));
  });
  const run = (args: readonly string[]): Program =>
    folder.start([...flags, "-C", "@smcp/source", SOURCE, ...args], {}, node);
  const program =
    side === "server"
      ? run(["server", "-c", folder.write("smcp.yaml", CONFIG(backend.url))])
      : run([
          "client",
          "--port=0",
          "--auth-mode=none",
          "--read-timeout=2s",
          "--max-body=64KiB",
          `--server-url=${backend.url}`,
        ]);
  const listens = side === "server" ? /address: http:\/\/127\.0\.0\.1:(\d+)/ : /http:\/\/127\.0\.0\.1:(\d+) relays/;
  const [, port] = await program.says(listens);
  return {
    port: Number(port),
    backend,
    program,
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}
