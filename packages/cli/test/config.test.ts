import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { clientJsonSchema, serverJsonSchema, starterFile } from "@smcp/config";
import { Folder } from "./program.ts";

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => folder[Symbol.dispose]());

const BAD = 'listen: ":8080"\nserver: { prot: 1, session_key: hunter2 }\nmetrics: { enabled: maybe }\n';

describe("smcp config check", () => {
  test("says that a file is right, what it would warn of, and what is not built yet", async () => {
    folder.write("smcp.yaml", "auth: { mode: none }\nroles: {}\n");
    expect(await folder.run(["config", "check"])).toEqual({
      code: 0,
      signal: null,
      stderr: "",
      stdout:
        "smcp.yaml:2: roles: not built yet in this version\n" +
        "warning: auth.mode is none: everybody who can reach this address may use every backend\n" +
        "warning: no backend is configured\n" +
        "smcp.yaml is right\n",
    });
  });

  test("tells every problem with its line and ends with 2", async () => {
    folder.write("bad.yaml", BAD);
    expect(await folder.run(["config", "check", "bad.yaml"], { SMCP_PROXY_METRICS_PATH: "/a/../b" })).toEqual({
      code: 2,
      signal: null,
      stdout: "",
      stderr:
        'bad.yaml:2: server.prot: expected a known key, found "prot" (did you mean "port"?)\n' +
        "bad.yaml:2: server.session_key: expected text of at least 16 characters, found text that is not shown\n" +
        "SMCP_PROXY_METRICS_PATH: metrics.path: expected a plain path such as /v1/docs, without dot segments, // or " +
        'encoded slashes, found "/a/../b"\n' +
        'bad.yaml:3: metrics.enabled: expected true or false, found "maybe"\n' +
        'smcp: "bad.yaml" has 4 problems\nhint: smcp config explain KEY tells what a key takes\n',
    });
  });

  test("tells the same as data", async () => {
    folder.write("bad.yaml", BAD);
    const { code, stdout, stderr } = await folder.run(["config", "check", "-c", "bad.yaml", "--output=json"]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      file: "bad.yaml",
      ok: false,
      problems: [
        { key: "server.prot", line: 2, column: 11, expected: "a known key", found: '"prot"', nearest: "port" },
        { key: "server.session_key", found: "text that is not shown" },
        { key: "metrics.enabled", line: 3 },
      ],
    });
  });

  test.each([
    [["config", "check", "gone.yaml"], 'smcp: the configuration "gone.yaml" does not exist\n'],
    [["config", "check", "a", "b"], 'smcp: the argument "b" is one too many\n'],
    [["config", "check", "a", "-c", "b"], "smcp: the file is named twice\n"],
    [["config"], "smcp: no verb is given\n"],
    [["config", "chekc"], 'smcp: the verb "chekc" is not known\n'],
    [["config", "import"], 'smcp: the command "config import" is not built yet in this version\n'],
    [
      ["config", "explain", "server.prot"],
      'smcp: the key "server.prot" is not known\nhint: did you mean "server.port"?\n',
    ],
  ])("%j ends with 2", async (args, stderr) => {
    const ended = await folder.run(args);
    expect({ ...ended, stderr: ended.stderr.slice(0, stderr.length) }).toEqual({
      code: 2,
      signal: null,
      stdout: "",
      stderr,
    });
    expect(ended.stderr).toMatch(/\nhint: .+\n$/);
  });
});

describe("smcp config explain", () => {
  test("is a page about one key", async () => {
    folder.write("smcp.yaml", "\nserver: { port: 1 }\n");
    const { code, stdout } = await folder.run(["config", "explain", "server.port"], { SMCP_PROXY_SERVER_PORT: "9" });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout:
        "server.port\n  port to listen on; 0 takes any free one\n\n" +
        "  type      a whole number from 0 to 65535\n  default   8080\n  value     9\n" +
        "  from      SMCP_PROXY_SERVER_PORT\n  variable  SMCP_PROXY_SERVER_PORT\n",
    });
  });

  test("says what is not built yet", async () => {
    expect((await folder.run(["config", "explain", "metering.enabled"])).stdout).toContain(
      "  note      not built yet in this version\n",
    );
    expect((await folder.run(["config", "explain", "identity_forwarding.mode"])).stdout).toContain(
      "  note      other values are not built yet in this version\n",
    );
  });

  test("is a line for each key of a section, and of everything", async () => {
    folder.write("smcp.yaml", "metrics: { path: /m }\n");
    expect((await folder.run(["config", "explain", "metrics"])).stdout).toBe(
      "metrics: metrics for Prometheus\n\n" +
        "metrics.enabled  true     default\nmetrics.path     /m       smcp.yaml:1\nmetrics.listen   not set  default\n",
    );
    const { stdout } = await folder.run(["config", "explain"]);
    expect(stdout).toMatch(/^metrics\.path +\/m +smcp\.yaml:1$/m);
    expect(stdout).toMatch(/^server\.port +8080 +default$/m);
  });

  test("is data for a program", async () => {
    const one = await folder.run(["config", "explain", "server.port", "--output", "json"]);
    expect(JSON.parse(one.stdout)).toMatchObject({ key: "server.port", from: "default", fallback: "8080" });
    const all = await folder.run(["config", "explain", "--output", "json"]);
    expect(JSON.parse(all.stdout)).toContainEqual(expect.objectContaining({ key: "server.port", from: "default" }));
  });
});

test("a marker in every secret is in no output, whether the file is right or wrong", async () => {
  const MARKER = "hunter2-0123456789";
  const secrets = `server: { session_key: ${MARKER}1 }
servers:
  a: { url: "http://127.0.0.1:1/mcp?key=${MARKER}2", credentials: { headers: { Authorization: "Bearer ${MARKER}3" } } }
  b: { command: npx, env: { TOKEN: ${MARKER}4 } }
  c: { url: "\${env:URL}" }
api_keys: [{ name: a, key: ${MARKER}5, role: eng }, { name: b, key_hash: ${MARKER}6, role: eng }]
agents: [{ name: c, key: "\${KEY}", role: eng }]
roles: { eng: {} }
oidc: { issuers: [{ issuer: "https://a.example", introspection: { client_id: x, client_secret: ${MARKER}7 } }] }
sso: { issuer: "https://a.example", client_id: x, client_secret: ${MARKER}8 }
storage: { postgres_url: "postgres://me:${MARKER}9@db/smcp" }
telemetry: { otlp_endpoint: "https://${MARKER}@otel.example" }
`;
  const env = {
    URL: `http://127.0.0.1:1/${MARKER}`,
    KEY: `${MARKER}-of-an-agent`,
    SMCP_PROXY_STORAGE_REDIS_URL: `redis://:${MARKER}@cache/0`,
  };
  const wrong = secrets
    .replaceAll(/: (hunter2[^ ,}\n]*)/g, ": [$1]")
    .replaceAll(/"(\w+:\/\/[^"]*hunter2[^"]*)"/g, '{ x: "$1" }');
  folder.write("right.yaml", secrets);
  folder.write("wrong.yaml", wrong);
  for (const [file, code] of [
    ["right.yaml", 0],
    ["wrong.yaml", 2],
  ] as const) {
    for (const args of [
      ["config", "check"],
      ["config", "check", "--output=json"],
      ["server", "--check"],
    ]) {
      const ended = await folder.run([...args, "-c", file], env);
      expect({ args, code: ended.code }).toEqual({ args, code });
      expect(ended.stdout + ended.stderr).not.toContain("hunter2");
    }
    for (const output of ["text", "json"]) {
      const { stdout, stderr } = await folder.run(["config", "explain", "-c", file, `--output=${output}`], env);
      expect(stdout + stderr).not.toContain("hunter2");
      expect(stdout).toContain("sso.client_secret");
    }
  }
});

test("smcp config schema prints the JSON Schema", async () => {
  const { code, stdout } = await folder.run(["config", "schema"]);
  expect({ code, schema: JSON.parse(stdout) }).toEqual({ code: 0, schema: serverJsonSchema() });
  const client = await folder.run(["config", "schema", "client"]);
  expect(JSON.parse(client.stdout)).toEqual(clientJsonSchema());
  expect((await folder.run(["config", "schema", "clinet"])).stderr).toBe(
    'smcp: there is no schema of "clinet"\nhint: server or client\n',
  );
});

test("smcp config --help names its verbs, and each verb its flags", async () => {
  expect((await folder.run(["config", "--help"])).stdout).toContain("smcp config explain");
  expect((await folder.run(["config", "check", "--help"])).stdout).toContain("Usage: smcp config check [FILE] [flags]");
});

describe("smcp init", () => {
  test("writes a file that starts as it is", async () => {
    expect(await folder.run(["init"])).toMatchObject({
      code: 0,
      stdout: "wrote smcp.yaml\nnext: smcp server --config smcp.yaml\n",
    });
    expect(readFileSync(join(folder.path, "smcp.yaml"), "utf8")).toBe(starterFile());
    // Any free port, so that nothing is in its way here.
    const program = folder.start(["server"], { SMCP_PROXY_LISTEN: "127.0.0.1:0" });
    const [, url = ""] = await program.says(/address: (http:\/\/127\.0\.0\.1:\d+)/);
    expect(await (await fetch(`${url}/health`)).text()).toBe("OK");
  });

  test("writes over nothing", async () => {
    folder.write("mine.yaml", "mine");
    expect(await folder.run(["init", "-c", "mine.yaml"])).toEqual({
      code: 1,
      signal: null,
      stdout: "",
      stderr: 'smcp: "mine.yaml" is there already\nhint: name another file with --config, or move this one away\n',
    });
    expect(readFileSync(join(folder.path, "mine.yaml"), "utf8")).toBe("mine");
  });

  test("says where it cannot write", async () => {
    const { code, stderr } = await folder.run(["init", "--config=no/such/folder.yaml"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^smcp: "no\/such\/folder\.yaml" cannot be written: .*ENOENT.*\nhint: .+\n$/);
  });
});
