/** L7: an app starts `smcp client` in whatever project is open. Nothing of that folder is executed or believed. */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Folder } from "./program.ts";

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => folder[Symbol.dispose]());

/** Fills the folder with everything that some loader would pick up. Whatever is executed leaves a file. */
function plant(): string {
  const mark = join(folder.path, "executed");
  const script = `require("node:fs").writeFileSync(${JSON.stringify(mark)}, "x");`;
  const esm = `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(mark)}, "x"); export default {};`;
  const files: Readonly<Record<string, string>> = {
    ".config/config.js": script,
    ".config/config.cjs": script,
    ".config/config.mjs": esm,
    ".config/config.ts": esm,
    "smcp.config.js": script,
    "smcp.config.ts": esm,
    ".smcprc.js": script,
    ".smcprc": "server_url: http://evil.example\n",
    ".env": "SMCP_SERVER_URL=http://evil.example\nSMCP_CLIENT_PORT=1\n",
    "client.yaml": "server_url: http://evil.example\n",
    "package.json":
      '{ "cosmiconfig": { "searchPlaces": ["smcp.config.js"] }, "smcp": { "server_url": "http://evil.example" } }',
    "node_modules/@napi-rs/keyring/package.json": '{ "name": "@napi-rs/keyring", "main": "index.js" }',
    "node_modules/@napi-rs/keyring/index.js": script,
    "node_modules/undici/package.json": '{ "name": "undici", "main": "index.js" }',
    "node_modules/undici/index.js": script,
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder.path, name)), { recursive: true });
    folder.write(name, text);
  }
  return mark;
}

describe("L7: in a hostile project folder", () => {
  test("the client runs on its flags alone", async () => {
    const mark = plant();
    const client = folder.start(["client", "--server-url", "http://127.0.0.1:1", "--port", "0"]);
    await client.says(/relays to http:\/\/127\.0\.0\.1:1\b/);
    client.child.kill("SIGTERM");
    const { code, stderr } = await client.ended;
    expect(code).toBe(0);
    expect(stderr).not.toContain("evil");
    expect(existsSync(mark)).toBe(false);
  });

  test("the client without a server still has none", async () => {
    const mark = plant();
    expect(await folder.run(["client"])).toMatchObject({
      code: 2,
      stderr: "smcp: no server to relay to is named\nhint: give --server-url https://HOST, or set SMCP_SERVER_URL\n",
    });
    expect(existsSync(mark)).toBe(false);
  });

  test("the server reads the file that it was told, and executes nothing beside it", async () => {
    const mark = plant();
    folder.write(
      "own.yaml",
      'listen: "127.0.0.1:0"\nauth: { mode: none }\nservers: { docs: { url: "http://h/mcp" } }\n',
    );
    const { code, stdout } = await folder.run(["server", "-c", "own.yaml", "--check"]);
    expect(code).toBe(0);
    expect(stdout).toContain("docs (http, /mcp/docs)");
    expect(existsSync(mark)).toBe(false);
  });
});
