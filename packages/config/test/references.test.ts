import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigInvalid } from "@smcp/config";
import { load, problemsOf } from "./loading.ts";

const folder = mkdtempSync(join(tmpdir(), "smcp-config-"));
beforeAll(() => writeFileSync(join(folder, "token"), "from-a-file\n"));
afterAll(() => rmSync(folder, { recursive: true }));

function argOf(value: string, env: Record<string, string> = {}): string {
  const { settings } = load(JSON.stringify({ servers: { a: { command: "x", args: [value] } } }), env, "a.json");
  const [backend] = settings.backends;
  return backend?.kind === "stdio" ? (backend.args[0] ?? "") : "";
}

function rule(value: string): string {
  const conditions = [{ param: "x", operator: "eq", value }];
  return JSON.stringify({ policies: [{ id: "p", rules: [{ action: "allow", conditions }] }] });
}

describe("L19: a reference", () => {
  test.each([
    ["${env:A}", "one"],
    ["${A}", "one"],
    ["a ${A}-${env:B} b", "a one-two b"],
    ["$${A} $A ${B}$", "${A} $A two$"],
    ["$$$${A}", "$$${A}"],
    ["price: 5$", "price: 5$"],
  ])("%s is %s", (text, expected) => {
    expect(argOf(text, { A: "one", B: "two" })).toBe(expected);
  });

  test("to a file gives its text without the last line end", () => {
    expect(argOf(`Bearer \${file:${folder}/token}`)).toBe("Bearer from-a-file");
  });

  test.each(["\nroles: {x: {allow: ['*']}}", "${env:OTHER}", "${", "$${X}", "$&", "*anchor", "!!js/function x"])(
    "gives %j literally, as one string",
    (value) => {
      expect(argOf("${env:A}", { A: value, OTHER: "secret" })).toBe(value);
    },
  );

  test("in a comment is nothing", () => {
    expect(load("# ${NOPE}\nserver: {}\n").settings.server.port).toBe(8080);
  });

  test("in a key is nothing either", () => {
    expect(problemsOf('"${A}": 1\n', { A: "server" })).toEqual([
      'smcp.yaml:1: ["${A}"]: expected a known key, found "${A}"',
    ]);
  });

  test("may stand for a number or a switch", () => {
    const text = 'server: { port: "${env:PORT}" }\nmetrics: { enabled: "${env:METRICS}" }\n';
    const { settings } = load(text, { PORT: "9000", METRICS: "false" });
    expect([settings.server.port, settings.metrics.enabled]).toEqual([9000, false]);
  });

  test("of a caller stays where it is filled in per call, and only there", () => {
    expect(problemsOf(rule("${caller.claims.customer}"), {}, "a.json")).toEqual([]);
    expect(problemsOf('servers: { a: { command: "${caller.name}" } }\n')).toEqual([
      'smcp.yaml:1: servers.a.command: expected "${env:NAME}", "${file:/path}" or "$${", found "${caller.name}"',
    ]);
  });
});

describe("a reference that leads nowhere names the variable and the key, never a value", () => {
  test.each([
    ["${NOPE}", 'expected the environment variable "NOPE", found none of that name'],
    ["${env:EMPTY}", 'expected the environment variable "EMPTY", found an empty one'],
    ["${file:/nowhere/at/all}", 'expected the file "/nowhere/at/all", found none of that name'],
    ["${file:/}", 'expected the file "/", found one that cannot be read (EISDIR)'],
    ["${vault:x}", 'expected "${env:NAME}", "${file:/path}" or "$${", found "${vault:x}"'],
    ["${env:toString }", 'expected "${env:NAME}", "${file:/path}" or "$${", found "${env:toString }"'],
    ["${env:toString}", 'expected the environment variable "toString", found none of that name'],
    ["a ${", 'expected a "}" after "${", or "$${" for the two characters, found none'],
  ])("%s", (text, problem) => {
    const file = JSON.stringify({ servers: { a: { command: text } } });
    expect(problemsOf(file, { EMPTY: "" }, "a.json")).toEqual([`a.json:1: servers.a.command: ${problem}`]);
  });

  test("what came out of one is not shown where it is wrong", () => {
    const text =
      'server: { port: "${env:P}", read_timeout: "${env:P}" }\nauth: { mode: "${env:P}" }\napi_keys: [{ name: a, key: "${env:P}" }]\n';
    const problems = problemsOf(text, { P: "hunter2" });
    expect(problems).toEqual([
      'smcp.yaml:1: server.port: expected a whole number from 0 to 65535, found "${env:P}"',
      'smcp.yaml:1: server.read_timeout: expected a duration such as 30s, 1h30m or 500ms, longer than nothing, found "${env:P}"',
      'smcp.yaml:2: auth.mode: expected one of none, oidc, found "${env:P}"',
      "smcp.yaml:3: api_keys[0].key: expected text of at least 16 characters, found text that is not shown",
    ]);
  });
});

test("no message holds a secret, wherever it stands", () => {
  const marker = "hunter2-marker";
  const wrong = [
    { server: { session_key: [marker] } },
    {
      api_keys: [
        { name: "a", key: { x: marker } },
        { name: "b", key_hash: "short" + marker.slice(0, 3), key: marker },
      ],
    },
    { sso: { issuer: "https://a.example", client_id: "x", client_secret: [marker] } },
    { servers: { a: { url: "http://a", credentials: { headers: { "bad header": marker, x: [marker] } } } } },
    { servers: { a: { command: "x", env: { "BAD NAME": marker, A: { b: marker } } } } },
    { storage: { postgres_url: { url: marker }, redis_url: 3 } },
    {
      oidc: { issuers: [{ issuer: "https://a.example", introspection: { client_id: "a", client_secret: [marker] } }] },
    },
    { servers: { a: { url: `ftp://me:${marker}@a` } } },
    { nowhere: marker },
    { server: { sesion_key: marker } },
  ];
  for (const file of wrong) {
    const problems = problemsOf(JSON.stringify(file), {}, "a.json");
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join("\n")).not.toContain("hunter2");
  }
  const { settings } = load(`server: { session_key: "\${K}" }\n`, { K: marker + marker });
  expect(JSON.stringify(settings)).not.toContain("hunter2");
  expect(() => load(`server: { session_key: "\${K}", port: x }\n`, { K: marker })).toThrow(ConfigInvalid);
});
