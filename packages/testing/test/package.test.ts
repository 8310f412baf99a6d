import { readdirSync, readFileSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Place, root, tourPair } from "./package-program.ts";

let place: Place;
let smcp: string;
const installed = (name: string): string => readFileSync(`${place.path}/node_modules/smcp/${name}`, "utf8");

beforeAll(() => {
  place = new Place();
  const dist = `${place.path}/dist`;
  const built = place.run(process.execPath, [`${root}packages/cli/dev/build.js`, dist]);
  if (built.status !== 0) throw new Error(built.stderr);
  const packed = place.npm(["pack", dist]);
  if (packed.status !== 0) throw new Error(packed.stderr);
  const tarball = readdirSync(place.path).find((one) => one.endsWith(".tgz")) ?? "";
  place.write("package.json", '{ "private": true }');
  const added = place.npm(["install", "--offline", "--ignore-scripts", `./${tarball}`]);
  if (added.status !== 0) throw new Error(added.stderr);
  smcp = `${place.path}/node_modules/.bin/smcp`;
}, 60_000);
afterAll(() => place[Symbol.dispose]());

const VERSION = (JSON.parse(readFileSync(`${root}packages/cli/package.json`, "utf8")) as { version: string }).version;

describe("the published package, installed in an empty folder", () => {
  it("needs no other package", () => {
    expect(readdirSync(`${place.path}/node_modules`).filter((one) => !one.startsWith("."))).toEqual(["smcp"]);
    const manifest = JSON.parse(installed("package.json")) as Record<string, unknown>;
    expect(manifest).not.toHaveProperty("dependencies");
    expect(manifest).toMatchObject({
      name: "smcp",
      version: VERSION,
      license: "Apache-2.0",
      engines: { node: ">=24" },
    });
  });

  it("brings a README, its licence and those of what it bundles", () => {
    expect(installed("README.md")).toContain("smcp server --config smcp.yaml --check");
    expect(installed("LICENSE")).toContain("Apache License");
    const others = installed("THIRD-PARTY.txt");
    for (const one of ["hono", "jose", "openid-client", "pino", "yaml", "yargs", "zod"]) {
      expect(others).toMatch(new RegExp(`^${one} \\d+\\.\\d+\\.\\d+ \\(\\S+\\)$`, "m"));
    }
  });

  it("holds no path of the machine that built it", () => {
    const files = readdirSync(`${place.path}/node_modules/smcp`);
    expect(files.filter((one) => installed(one).includes(root))).toEqual([]);
  });

  it.each(["smcp", "smcp-proxy", "smcp-gateway"])("tells its version as %s", (name) => {
    const { status, stdout, stderr } = place.run(`${place.path}/node_modules/.bin/${name}`, ["--version"]);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${VERSION}\n`, stderr: "" });
  });

  it("checks a configuration", () => {
    place.write(
      "check.yaml",
      'listen: "127.0.0.1:1"\nauth: { mode: none }\nservers: { docs: { url: "http://h/mcp" } }\n',
    );
    const { status, stdout } = place.run(smcp, ["server", "-c", "check.yaml", "--check"]);
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("docs (http, /mcp/docs)") as string,
    });
  });

  it("has help, with its columns in line", () => {
    const { status, stdout } = place.run(smcp, ["server", "--help"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ +-c, --config +YAML or JSON file/m);
  });

  it("says where the demo is", () => {
    const { status, stderr } = place.run(smcp, ["demo"]);
    expect(status).toBe(1);
    expect(stderr).toBe(
      "smcp: the demo is not part of the installed package\nhint: clone the repository and run npm start there\n",
    );
  });

  it("runs as server and client", async () => {
    expect(await tourPair(place, smcp)).toEqual({
      health: "OK",
      resource: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
      subject: "alice",
      answer: { jsonrpc: "2.0", id: 7, result: { path: "/mcp" } },
      codes: [0, 0],
    });
  });
});
