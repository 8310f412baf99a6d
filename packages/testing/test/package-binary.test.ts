import { spawnSync } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Place, root, tourPair } from "./package-program.ts";

// A Node.js of a distribution may lack what single executables are made with.
const canBuild = !spawnSync(process.execPath, ["--build-sea"], { encoding: "utf8" }).stderr.includes("bad option");

describe.skipIf(!canBuild)("the single executable", () => {
  let place: Place;
  let smcp: string;

  beforeAll(() => {
    place = new Place();
    smcp = `${place.path}/smcp`;
    const built = place.run(process.execPath, [`${root}packages/cli/dev/build-binary.js`, smcp]);
    if (built.status !== 0) throw new Error(built.stderr);
  }, 120_000);
  afterAll(() => place[Symbol.dispose]());

  it("tells its version, under the name smcp-gateway too", () => {
    const { version } = JSON.parse(readFileSync(`${root}packages/cli/package.json`, "utf8")) as { version: string };
    const expected = { status: 0, stdout: `${version}\n`, stderr: "" };
    expect(place.run(smcp, ["--version"])).toMatchObject(expected);
    symlinkSync(smcp, `${place.path}/smcp-gateway`);
    place.write("g.yaml", 'listen: "127.0.0.1:1"\nauth: { mode: none }\nservers: { docs: { url: "http://h/mcp" } }\n');
    const gateway = place.run(`${place.path}/smcp-gateway`, ["--config", "g.yaml", "--check"]);
    expect(gateway).toMatchObject({ status: 0, stdout: expect.stringContaining("docs (http, /mcp/docs)") });
  });

  it("runs no code that the environment names", () => {
    const evil = place.write("evil.cjs", 'process.stdout.write("evil");');
    const { stdout } = spawnSync(smcp, ["--version"], {
      env: { ...place.env, NODE_OPTIONS: `--require ${evil}` },
      encoding: "utf8",
    });
    expect(stdout).not.toContain("evil");
  });

  it("says that the demo is not inside", () => {
    const { status, stderr } = place.run(smcp, ["demo"]);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr:
        "smcp: the demo is not part of the installed package\nhint: clone the repository and run npm start there\n",
    });
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
