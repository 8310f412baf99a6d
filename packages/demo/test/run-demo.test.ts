import { promises as files } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@smcp/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runDemo, type DemoOptions } from "../src/index.ts";
import { paper } from "./paper.ts";

let folder: string;
let outside: string | undefined;

beforeEach(async () => {
  outside = process.env["TMPDIR"];
  folder = await files.mkdtemp(join(tmpdir(), "smcp-run-demo-"));
  process.env["TMPDIR"] = folder;
});

afterEach(async () => {
  if (outside === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = outside;
  await files.rm(folder, { recursive: true });
});

/** Options whose `smcp` is a script of this text. */
const demoWith = async (smcp: string): Promise<DemoOptions & { readonly text: () => string }> => {
  const script = join(folder, "smcp.mjs");
  await files.writeFile(script, smcp);
  const output = paper();
  return {
    once: true,
    port: 0,
    smcp: [process.execPath, script],
    env: process.env,
    log: silentLog,
    output,
    text: output.text,
  };
};

test("a server that does not start fails its step, is quoted, and leaves nothing behind", async () => {
  const options = await demoWith(`console.error("error: the port is cursed"); process.exit(1);`);
  await expect(runDemo(options)).rejects.toMatchObject({
    name: "Failure",
    message: "smcp server ended with code 1 before it was ready",
    hint: "its last lines above say why",
    exitCode: 1,
  });
  const text = options.text();
  expect(text).toContain("ok     MCP server over HTTP");
  expect(text).toContain("failed smcp server\n");
  expect(text).toContain("\nlast lines of smcp server:\n  error: the port is cursed\n");
  expect(await files.readdir(folder)).toEqual(["smcp.mjs"]);
});

test("the pair sees neither our environment nor the secret on its command line", async () => {
  process.env["SMCP_SERVER_URL"] = "http://elsewhere.example";
  // A server that is well; a client that tells what it sees and ends.
  const options = await demoWith(`
    import { createServer } from "node:http";
    import { readFileSync, statSync } from "node:fs";
    const [command, ...args] = process.argv.slice(2);
    if (command === "client") {
      const secret = process.env.SMCP_CLIENT_OIDC_CLIENT_SECRET;
      const safe = new Set(["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"]);
      console.error("names " + Object.keys(process.env).filter((name) => !safe.has(name)).toSorted());
      console.error("secret " + (secret?.length > 40) + " " + args.includes(secret));
      console.error("folder " + (statSync(".").mode & 0o777).toString(8));
      process.exit(0);
    }
    const { server } = JSON.parse(readFileSync(args[1], "utf8"));
    createServer((_, outgoing) => outgoing.end("OK")).listen(server.port, server.host);
  `);
  await expect(runDemo(options)).rejects.toMatchObject({
    message: "smcp client ended with code 0 before it was ready",
  });
  delete process.env["SMCP_SERVER_URL"];
  expect(options.text()).toContain(
    "last lines of smcp client:\n  names SMCP_CLIENT_OIDC_CLIENT_SECRET,XDG_CONFIG_HOME\n  secret true false\n  folder 700\n",
  );
});

test("a taken port stops the demo before anything is started", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => {
    taken.listen(0, "127.0.0.1", resolve);
  });
  const { port } = taken.address() as AddressInfo;
  const options = await demoWith("");
  await expect(runDemo({ ...options, port })).rejects.toMatchObject({
    name: "Failure",
    message: `the port ${port} on 127.0.0.1 is taken`,
    hint: "stop the program that listens there, or choose another port: smcp demo --port 0",
    exitCode: 1,
  });
  expect(options.text()).toBe("");
  taken.close();
});
