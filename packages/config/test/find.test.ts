import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadServerSettings } from "@smcp/config";

let cwd: string;
let env: Record<string, string>;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "smcp-find-"));
  env = { XDG_CONFIG_HOME: join(cwd, "home") };
});
afterEach(() => rmSync(cwd, { recursive: true }));

function write(name: string, text: string | Uint8Array): void {
  mkdirSync(join(cwd, name, ".."), { recursive: true });
  writeFileSync(join(cwd, name), text);
}

test("the first of the usual places is taken", () => {
  write("home/smcp/smcp.yaml", "server: { port: 3 }\n");
  expect(loadServerSettings({ env, cwd }).settings.server.port).toBe(3);
  write("smcp.yaml", "server: { port: 2 }\n");
  expect(loadServerSettings({ env, cwd }).file).toBe("smcp.yaml");
  write("configs/proxy-server.yml", "server: { port: 1 }\n");
  expect(loadServerSettings({ env, cwd }).file).toBe("configs/proxy-server.yml");
  expect(loadServerSettings({ env, cwd, path: "smcp.yaml" }).settings.server.port).toBe(2);
});

test("a relative XDG_CONFIG_HOME is not followed into the working directory", () => {
  write("home/smcp/smcp.yaml", "server: { port: 3 }\n");
  const places = [
    "configs/proxy-server.yml",
    "smcp.yaml",
    `${cwd}/nobody/.config/smcp/smcp.yaml`,
    "/etc/smcp/smcp.yaml",
  ];
  expect(() => loadServerSettings({ env: { XDG_CONFIG_HOME: "home", HOME: `${cwd}/nobody` }, cwd })).toThrow(
    expect.objectContaining({
      message: `no configuration was found: looked for ${places.map((one) => `"${one}"`).join(", ")}`,
      hint: "name the file with -c, or write one of these",
      exitCode: 2,
    }),
  );
});

describe("a file that cannot be read is named", () => {
  test("as missing", () => {
    expect(() => loadServerSettings({ env, cwd, path: "nope.yaml" })).toThrow(
      expect.objectContaining({ message: 'the configuration "nope.yaml" does not exist', exitCode: 2 }),
    );
  });

  test("as a folder, and the search does not go on past it", () => {
    mkdirSync(join(cwd, "smcp.yaml"));
    write("home/smcp/smcp.yaml", "server: { port: 3 }\n");
    expect(() => loadServerSettings({ env, cwd })).toThrow('the configuration "smcp.yaml" cannot be read (EISDIR)');
  });

  test("as too large", () => {
    write("big.yaml", `# ${"x".repeat(10 << 20)}`);
    expect(() => loadServerSettings({ env, cwd, path: "big.yaml" })).toThrow(
      'the configuration "big.yaml" is larger than 1MiB',
    );
  });

  test("as something else than text", () => {
    write("binary.yaml", new Uint8Array([0x61, 0xff, 0xfe]));
    expect(() => loadServerSettings({ env, cwd, path: "binary.yaml" })).toThrow(
      'the configuration "binary.yaml" is not UTF-8 text',
    );
  });
});

test("nothing beside the file is executed or read", () => {
  const spring = "globalThis.sprung = true; throw new Error('sprung');\n";
  for (const name of [".config/config.js", ".config/config.cjs", "smcp.config.ts", "smcp.config.js", ".smcprc.js"]) {
    write(name, spring);
  }
  write("package.json", '{ "cosmiconfig": { "searchPlaces": ["trap.js"] }, "smcp": { "server": { "port": 1 } } }');
  write(".smcprc", "server: { port: 1 }\n");
  write(".env", "PORT=1\n");
  write("trap.js", spring);
  write("smcp.yaml", "server: { port: 5 }\n");
  const before = process.cwd();
  process.chdir(cwd);
  try {
    expect(loadServerSettings({ env, cwd }).settings.server.port).toBe(5);
  } finally {
    process.chdir(before);
  }
  expect(globalThis).not.toHaveProperty("sprung");
});

test("a $import in the file is an unknown key, not a program to run", () => {
  write("trap.js", "globalThis.sprung = true;\n");
  write("smcp.yaml", "$import: ./trap.js\n");
  expect(() => loadServerSettings({ env, cwd })).toThrow('["$import"]: expected a known key, found "$import"');
  expect(globalThis).not.toHaveProperty("sprung");
});
