import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "vitest";

import { layers } from "../../../oxlint.config.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly engines?: Readonly<Record<string, string>>;
}

const manifest = async (name: string): Promise<Manifest> =>
  JSON.parse(await readFile(`${root}packages/${name}/package.json`, "utf8")) as Manifest;

describe("the layers", () => {
  it("name every package", async () => {
    const folders = await readdir(`${root}packages`, { withFileTypes: true });
    const names = folders.filter((one) => one.isDirectory()).map((one) => one.name);
    expect(names.toSorted()).toEqual(Object.keys(layers).toSorted());
  });

  it.each(Object.keys(layers))("of %s allow what its manifest depends on", async (name) => {
    const { dependencies = {}, engines } = await manifest(name);
    // The demo starts the MCP servers that it depends on; it does not import them.
    const imported = Object.keys(dependencies).filter((one) => !one.startsWith("@modelcontextprotocol/server-"));
    expect(imported.filter((one) => !layers[name]?.includes(one))).toEqual([]);
    expect(engines).toEqual({ node: ">=24" });
  });

  it("never lead up again", () => {
    const order = ["core", "edge", "config", "server", "client", "cli", "demo", "testing"];
    for (const [name, allowed] of Object.entries(layers)) {
      if (name === "cli" || name === "testing") continue;
      const ours = allowed.filter((one) => one.startsWith("@smcp/")).map((one) => one.slice("@smcp/".length));
      expect(ours.filter((one) => order.indexOf(one) >= order.indexOf(name))).toEqual([]);
    }
  });

  it("stop an import that is not in the table", async () => {
    const folder = await mkdtemp(`${root}packages/core/src/layer-`);
    try {
      const file = `${folder}/forbidden.ts`;
      await writeFile(file, 'import { hash } from "node:crypto";\nexport const one = hash("sha256", "x");\n');
      const { stdout, status } = spawnSync(`${root}node_modules/.bin/oxlint`, [file], { cwd: root, encoding: "utf8" });
      expect(stdout).toContain("not allowed in packages/core");
      expect(status).not.toBe(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
