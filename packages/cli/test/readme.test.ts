/** Every command of the README, run as it stands there. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Folder, Program } from "./program.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const readme = await readFile(`${root}README.md`, "utf8");
const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text.trim());

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => folder[Symbol.dispose]());

/** Runs a block in the root of the repository, with ports and names that are free here. */
function start(block: string): Program {
  const env = {
    // The whole of it: how the registry is reached may stand there.
    ...process.env,
    SMCP_VERIFY_LOCKFILE: "",
    XDG_CONFIG_HOME: folder.path,
    SMCP_PROXY_SERVER_PORT: "0",
    SMCP_CLIENT_PORT: "0",
    npm_config_loglevel: "error",
  };
  // `exec` before the last command, so that a signal reaches it and not the shell.
  const lines = block.split("\n");
  const script = [...lines.slice(0, -1), `exec ${lines.at(-1)}`].join("\n");
  return new Program(spawn("sh", ["-c", script], { cwd: root, env, stdio: ["pipe", "pipe", "pipe"] }));
}

async function stops(program: Program): Promise<void> {
  program.child.kill("SIGTERM");
  expect(await program.ended).toMatchObject({ code: 0 });
}

const runs: readonly (readonly [begins: string, run: (block: string) => Promise<void>])[] = [
  [
    "npm start",
    async (block) => {
      const { code, stdout } = await start(`${block} -- --once --port 0`).ended;
      expect(stdout).toContain("http://127.0.0.1:");
      expect(code).toBe(0);
    },
  ],
  // This test is part of it.
  [
    "npm test",
    async (block) =>
      expect(JSON.parse(await readFile(`${root}package.json`, "utf8"))).toHaveProperty(["scripts", block.slice(4)]),
  ],
  [
    "node_modules/.bin/smcp server -c configs/smcp.yaml --check",
    async (block) => {
      const [check = "", serve = ""] = block.split("\n");
      const checked = await start(check).ended;
      expect(checked.code).toBe(0);
      expect(checked.stdout).toContain("memory");
      const server = start(serve);
      await server.says(/http:\/\/127\.0\.0\.1:\d+/);
      await stops(server);
    },
  ],
  [
    "node_modules/.bin/smcp client --server-url http://127.0.0.1:8080\n",
    async (block) => {
      const client = start(block);
      await client.says(/relays to http:\/\/127\.0\.0\.1:8080/);
      await stops(client);
    },
  ],
  [
    "export SMCP_CLIENT_OIDC_CLIENT_SECRET",
    async (block) => {
      const client = start(block);
      await client.says(/relays to http:\/\/127\.0\.0\.1:8080/);
      await stops(client);
    },
  ],
  // Another company's program: its form is what there is to check.
  [
    "claude mcp add",
    async (block) => expect(block).toMatch(/--transport http memory http:\/\/localhost:8081\/mcp\/memory$/),
  ],
  [
    "node_modules/.bin/smcp client --server-url http://127.0.0.1:8080 --stdio",
    async (block) => {
      const client = start(block.replace(":8080", ":1"));
      client.child.stdin?.end('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
      const { stdout } = await client.ended;
      expect(JSON.parse(stdout)).toMatchObject({ id: 1, error: { code: 50201 } });
    },
  ],
];

describe("the README", () => {
  test("shows nothing that is not run here", () => {
    expect(blocks.filter((block) => !runs.some(([begins]) => `${block}\n`.startsWith(begins)))).toEqual([]);
    expect(blocks).toHaveLength(runs.length);
  });

  test.each(runs)(
    "its commands from %j on work as they stand",
    async (begins, run) => {
      await run(blocks.find((block) => `${block}\n`.startsWith(begins)) ?? "");
      // The whole pair and its peers start here, beside everything else that the tests run.
    },
    120_000,
  );

  test("names only files that are there", async () => {
    const links = [...readme.matchAll(/\]\(((?!http)[^)#]+)\)/g)].map(([, link = ""]) => link);
    for (const link of links) await expect(readFile(`${root}${link}`)).resolves.toBeDefined();
  });
});
