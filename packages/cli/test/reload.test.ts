import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { watchFile } from "../src/watch-file.ts";
import { Folder } from "./program.ts";

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => folder[Symbol.dispose]());

const file = (...names: readonly string[]): string =>
  ['listen: "127.0.0.1:0"', "auth: { mode: none }", "servers:"]
    .concat(names.map((name) => `  ${name}: { url: "http://127.0.0.1:1/mcp" }`))
    .join("\n") + "\n";

/** 404 where no backend is, 502 where one is that nobody listens at. */
async function statusOf(url: string, name: string): Promise<number> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  return (await fetch(`${url}/mcp/${name}`, { method: "POST", headers, body })).status;
}

async function start(...args: readonly string[]) {
  const program = folder.start(["server", ...args]);
  const [, url = ""] = await program.says(/address: (http:\/\/127\.0\.0\.1:\d+)/);
  await program.says(/issuers: none/);
  return { program, url };
}

describe("a running server", () => {
  test("takes up a file that was written in place", async () => {
    folder.write("smcp.yaml", file("docs"));
    const { program, url } = await start();
    folder.write("smcp.yaml", file("docs", "more"));
    await program.says(
      /"smcp\.yaml" was reloaded\n.*INFO: backends: docs \(http, \/mcp\/docs\), more \(http, \/mcp\/more\)/,
    );
    expect([await statusOf(url, "docs"), await statusOf(url, "more")]).toEqual([502, 502]);
  });

  test("takes up a file that an editor put in the place of the old one", async () => {
    folder.write("smcp.yaml", file("docs"));
    const { program, url } = await start();
    renameSync(folder.write("smcp.yaml.new", file("more")), join(folder.path, "smcp.yaml"));
    await program.says(/was reloaded/);
    expect([await statusOf(url, "docs"), await statusOf(url, "more")]).toEqual([404, 502]);
  });

  test("takes up a file that Kubernetes swaps in by a symbolic link above it", async () => {
    for (const name of ["old", "new"]) {
      mkdirSync(join(folder.path, name));
      folder.write(`${name}/smcp.yaml`, file(name));
    }
    symlinkSync("old", join(folder.path, "..data"));
    symlinkSync("..data/smcp.yaml", join(folder.path, "smcp.yaml"));
    const { program, url } = await start();
    symlinkSync("new", join(folder.path, "..tmp"));
    renameSync(join(folder.path, "..tmp"), join(folder.path, "..data"));
    await program.says(/was reloaded/);
    expect([await statusOf(url, "old"), await statusOf(url, "new")]).toEqual([404, 502]);
  });

  test("L21: keeps the old configuration when the new one is wrong, and takes it up once it is mended", async () => {
    folder.write("smcp.yaml", file("docs"));
    const { program, url } = await start();
    folder.write("smcp.yaml", `${file("more")}metrics: { enabled: maybe }\nservrs: {}\n`);
    await program.says(/ERROR: .*servrs/);
    expect(program.stderr).toContain(
      'ERROR: "smcp.yaml" was not reloaded, the old configuration stays: the file has 2 problems',
    );
    expect(program.stderr).toContain('ERROR: smcp.yaml:5: metrics.enabled: expected true or false, found "maybe"\n');
    expect(program.stderr).toContain(
      'ERROR: smcp.yaml:6: servrs: expected a known key, found "servrs" (did you mean "servers"?)\n',
    );
    expect([await statusOf(url, "docs"), await statusOf(url, "more")]).toEqual([502, 404]);
    folder.write("smcp.yaml", file("more"));
    await program.says(/"smcp\.yaml" was reloaded/);
    expect([await statusOf(url, "docs"), await statusOf(url, "more")]).toEqual([404, 502]);
  });

  test.each([
    [
      file("docs").replace(":0", ":9"),
      "the address cannot change from 127.0.0.1:0 to 127.0.0.1:9 while the server runs",
      "restart smcp server to apply it; until then the whole configuration stays as it was",
    ],
    [
      `${file("docs")}roles: {}\n`,
      '"roles" (smcp.yaml:5) is not built yet in this version',
      "take it out, or stay on the version you have; smcp server --check shows what would run",
    ],
  ])("says why it cannot take up %j", async (text, message, hint) => {
    folder.write("smcp.yaml", file("docs"));
    const { program } = await start("-f", "json");
    folder.write("smcp.yaml", text);
    const [line] = await program.says(/^.*was not reloaded.*$/m);
    expect(JSON.parse(line)).toMatchObject({
      level: "error",
      hint,
      msg: `"smcp.yaml" was not reloaded, the old configuration stays: ${message}`,
    });
  });

  test("reads referenced files again on SIGHUP, though its own text is the same", async () => {
    folder.write("url", "http://127.0.0.1:1/mcp");
    folder.write("smcp.yaml", file("docs").replace('"http://127.0.0.1:1/mcp"', '"${file:url}"'));
    const { program } = await start();
    folder.write("url", "nowhere");
    program.child.kill("SIGHUP");
    await program.says(/smcp\.yaml:4: servers\.docs\.url: expected an http or https URL/);
    folder.write("url", "http://127.0.0.1:2/mcp");
    program.child.kill("SIGHUP");
    await program.says(/"smcp\.yaml" was reloaded/);
  });

  test("says so when the file is gone at SIGHUP", async () => {
    const path = folder.write("smcp.yaml", file("docs"));
    const { program, url } = await start();
    rmSync(path);
    program.child.kill("SIGHUP");
    await program.says(
      /"smcp\.yaml" was not reloaded, the old configuration stays: the configuration "smcp\.yaml" does not exist/,
    );
    expect(await statusOf(url, "docs")).toBe(502);
  });
});

function changed(path: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watching = watchFile(path, resolve, { settle: 5, poll: 20 });
  return { promise, watching };
}

describe("watching a file", () => {
  test("sees by looking now and then what its folder does not tell", async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), "smcp-watch-"));
    const target = join(elsewhere, "real.yaml");
    writeFileSync(target, "a");
    const link = join(folder.path, "link.yaml");
    symlinkSync(target, link);
    const { promise, watching } = changed(link);
    using _ = watching;
    writeFileSync(target, "ab");
    await promise;
    rmSync(elsewhere, { recursive: true });
  });

  test("waits for a file that is gone, and for a folder that is not there yet", async () => {
    const path = join(folder.path, "later", "smcp.yaml");
    const { promise, watching } = changed(path);
    using _ = watching;
    mkdirSync(join(folder.path, "later"));
    writeFileSync(path, "a");
    await promise;
  });
});
