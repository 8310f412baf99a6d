import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Folder } from "./program.ts";

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => folder[Symbol.dispose]());

const SERVER = 'listen: "127.0.0.1:0"\nauth: { mode: none }\nservers: { docs: { url: "http://127.0.0.1:1/mcp" } }\n';
const GATEWAY = `listen: ":8080"
servers:
  github: { url: "https://api.githubcopilot.com/mcp", credential_mode: passthrough }
  files: { command: npx, args: [-y, "@modelcontextprotocol/server-filesystem", /srv] }
api_keys:
  - { name: alice, key: "\${ALICE_KEY}", role: eng, expires_at: 2027-01-31 }
agents:
  - { name: ci, key: "\${CI_AGENT_KEY}", owner: alice, role: eng }
roles:
  eng: { allow: ["github:*"] }
`;
const KEYS = { ALICE_KEY: "hunter2-alice-0123", CI_AGENT_KEY: "hunter2-agent-0123" };

describe("the program", () => {
  test("tells its version and its commands on standard output", async () => {
    expect(await folder.run(["--version"])).toMatchObject({ code: 0, stdout: "0.1.0\n", stderr: "" });
    expect(await folder.run(["server", "--version"])).toMatchObject({ code: 0, stdout: "0.1.0\n" });
    const help = await folder.run(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("smcp client");
  });

  test("has help for each command, with variables and what is not built yet", async () => {
    const client = await folder.run(["client", "-h"]);
    expect(client).toMatchObject({ code: 0, stderr: "" });
    expect(client.stdout).toContain("--oidc-client-secret-file");
    expect(client.stdout).toContain("SMCP_SERVER_URL (as SMCP_CLIENT_SERVER_URL)");
    expect(client.stdout).toMatch(/--agent-manifest .*\(not built yet\)/);
    const server = await folder.run(["server", "--help"]);
    expect(server.stdout).toMatch(/-c, --config/);
  });

  test.each([
    [
      [],
      "smcp: no command is given\nhint: one of client, server, login, logout, status, doctor, config, init, demo; see smcp --help\n",
    ],
    [["srver"], 'smcp: the command "srver" is not known\nhint: did you mean "server"? see smcp --help\n'],
    [["--check"], 'smcp: the flag "--check" is not known here\nhint: flags come after a command; see smcp --help\n'],
    [
      ["policy"],
      'smcp: the command "policy" is not built yet in this version\nhint: see smcp --help for those that are\n',
    ],
    [
      ["client", "--prot=1"],
      'smcp: the flag "--prot" is not known\nhint: did you mean "--port"? see smcp client --help\n',
    ],
    [
      ["client"],
      "smcp: no server to relay to is named\nhint: give --server-url https://HOST, or set SMCP_SERVER_URL\n",
    ],
    [
      ["client", "--server-url=http://127.0.0.1:1", "--host=0.0.0.0"],
      'smcp: "--host 0.0.0.0" would let other machines use this endpoint, which asks nobody who they are\n' +
        "hint: leave it at 127.0.0.1; another address needs --allow-remote-bind and --local-secret-file; in a container: " +
        'docker run -p 127.0.0.1:8081:8081 -v "$PWD/local-secret:/run/secrets/local:ro" smcp client --allow-remote-bind ' +
        "--local-secret-file=/run/secrets/local --server-url=URL\n",
    ],
    [
      ["server", "--auth-mode=basic"],
      'smcp: --auth-mode: expected one of none, oidc, found "basic"\nhint: see --help for what each takes\n',
    ],
    [
      ["server", "-c", "nope.yaml"],
      'smcp: the configuration "nope.yaml" does not exist\nhint: check the path, which starts in the working directory\n',
    ],
  ])("%j is wrong usage", async (args, stderr) => {
    expect(await folder.run(args)).toEqual({ code: 2, signal: null, stdout: "", stderr });
  });
});

describe("smcp server --check", () => {
  test("prints what would run, and what is not built yet, and exits 0", async () => {
    folder.write("smcp.yaml", GATEWAY);
    const { code, stdout, stderr } = await folder.run(["server", "--check"], KEYS);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n")).toEqual([
      "configuration: smcp.yaml",
      "address: http://0.0.0.0:8080",
      "authentication: required",
      "backends: github (http, /mcp/github), files (stdio, /mcp/files)",
      "api keys: alice",
      "agents: ci",
      "roles: eng",
      "issuers: none",
      "not built yet: servers.github.credential_mode (smcp.yaml:3), api_keys (smcp.yaml:5), agents (smcp.yaml:7), roles (smcp.yaml:9)",
      "",
    ]);
  });

  test("prints JSON for programs", async () => {
    folder.write("smcp.yaml", GATEWAY);
    const { code, stdout } = await folder.run(["server", "--check", "--output=json"], KEYS);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      port: 8080,
      authentication: "required",
      backends: [{ id: "github", transport: "http", path: "/mcp/github" }, { id: "files" }],
      api_keys: ["alice"],
      not_built_yet: [{ key: "servers.github.credential_mode", line: 3 }, {}, {}, {}],
    });
    expect(stdout).not.toContain("hunter2");
  });

  test("is what smcp-gateway --config F --check does too", async () => {
    const file = folder.write("g.yaml", SERVER);
    const { code, stdout } = await folder.run(["--config", file, "--check"], {}, "smcp-gateway");
    expect(code).toBe(0);
    expect(stdout).toContain("backends: docs (http, /mcp/docs)");
  });

  test("tells all problems of a broken file, without a secret", async () => {
    folder.write("smcp.yaml", "serve: {}\nserver: { session_key: hunter2, port: x }\n");
    expect(await folder.run(["server", "--check"])).toMatchObject({
      code: 2,
      stderr: `smcp: "smcp.yaml" has 3 problems
  smcp.yaml:1: serve: expected a known key, found "serve" (did you mean "server"?)
  smcp.yaml:2: server.session_key: expected text of at least 16 characters, found text that is not shown
  smcp.yaml:2: server.port: expected a whole number from 0 to 65535, found "x"
hint: mend it, then look at it with: smcp server --check
`,
    });
  });
});

describe("smcp server", () => {
  test("refuses a file that asks for what is not built yet", async () => {
    folder.write("smcp.yaml", 'auth: { mode: none }\nroles: { eng: { allow: ["*"] } }\n');
    expect(await folder.run(["server"])).toMatchObject({
      code: 2,
      stderr:
        'smcp: "roles" (smcp.yaml:2) is not built yet in this version\n' +
        "hint: take it out, or stay on the version you have; smcp server --check shows what would run\n",
    });
  });

  test("says what it serves, stays on SIGHUP, ends with 0 on SIGTERM", async () => {
    folder.write("smcp.yaml", SERVER);
    const program = folder.start(["server", "-l", "debug", "-f=json"]);
    const [, url] = await program.says(/"address: (http:\/\/127\.0\.0\.1:\d+)"/);
    expect(await (await fetch(`${url}/health`)).text()).toBe("OK");
    await program.says(/"issuers: none"/);
    program.child.kill("SIGHUP");
    await program.says(/"\\"smcp.yaml\\" was reloaded"/);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    program.child.kill("SIGTERM");
    const { code, stderr, stdout } = await program.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    const lines = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { level: string; msg: string });
    expect(lines.map((one) => one.msg)).toContain("stopping after SIGTERM");
    expect(lines[0]).toMatchObject({
      level: "warn",
      msg: "auth.mode is none: every program on this machine may use every backend",
    });
  });

  test("takes a second signal at once as the same one", async () => {
    folder.write("smcp.yaml", SERVER);
    const program = folder.start(["server"]);
    await program.says(/issuers: none/);
    program.child.kill("SIGINT");
    program.child.kill("SIGINT");
    expect(await program.ended).toMatchObject({ code: 0, signal: null });
  });

  test("exits 1 when its port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    folder.write("smcp.yaml", SERVER.replace(":0", `:${port}`));
    const { code, stderr } = await folder.run(["server"]);
    other.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`smcp: .*${port}.*\\nhint: .+\\n$`));
  });

  test("warns of an unknown log level and goes on with info", async () => {
    folder.write("smcp.yaml", SERVER);
    const program = folder.start(["server", "-l", "loud"]);
    await program.says(/WARN: the log level "loud" is not known: info is used \(one of debug, info, warn, error\)/);
    await program.says(/INFO: issuers: none/);
  });
});

describe("smcp client", () => {
  test("starts although the server is away, and ends with 0 when its terminal closes", async () => {
    const program = folder.start(["client", "--server-url=http://127.0.0.1:1", "--port=0"]);
    const [, url] = await program.says(/(http:\/\/127\.0\.0\.1:\d+) relays to http:\/\/127\.0\.0\.1:1\//);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    program.child.kill("SIGHUP");
    expect(await program.ended).toMatchObject({ code: 0, stdout: "" });
  });

  test("on stdio ends with its input, and writes nothing but MCP to standard output", async () => {
    const program = folder.start(["client", "--server-url=http://127.0.0.1:1", "--stdio=/v1/docs", "--auth-mode=none"]);
    await program.says(/stdio relays to http:\/\/127\.0\.0\.1:1\/v1\/docs/);
    program.child.stdin?.end('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    const { code, stdout } = await program.ended;
    expect(code).toBe(0);
    for (const line of stdout.trim().split("\n")) expect(JSON.parse(line)).toMatchObject({ jsonrpc: "2.0", id: 1 });
  });

  test("never writes a secret, whatever the log level", async () => {
    const secret = "hunter2-marker";
    const args = ["client", "--server-url=http://127.0.0.1:1", "--port=0", "-ldebug", "--oidc-client-id=x"];
    const program = folder.start([...args, `--oidc-client-secret=${secret}`, "--oidc-issuer=http://127.0.0.1:1"]);
    await program.says(/"--oidc-client-secret" can be read by other users of this machine/);
    const [, url] = await program.says(/(http:\/\/127\.0\.0\.1:\d+) relays to/);
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
    const headers = { "content-type": "application/json", authorization: `Bearer ${secret}` };
    const answer = await fetch(`${url}/v1/x`, { method: "POST", body, headers });
    expect(await answer.text()).not.toContain(secret);
    program.child.kill("SIGTERM");
    const { code, stdout, stderr } = await program.ended;
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain(secret);
  });

  test("exits 1 when its port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await folder.run(["client", "--server-url=http://127.0.0.1:1", `--port=${port}`]);
    other.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`smcp: .*${port}.*\\nhint: .+\\n$`));
  });
});
