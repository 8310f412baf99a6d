import { describe, expect, test } from "vitest";
import { ConfigInvalid } from "@smcp/config";
import { load, problemsOf } from "./loading.ts";

test("a file with many faults has all of them told at once, in its order", () => {
  const text = `server: { host: "127.0.0.1", prot: 8080, write_timeout: soon, max_body: 4XB }
auth: { mode: odic }
server: {}
mcp:
  timeuot: 60s
  backends:
    - id: memory
      path: /v1/../memory
      stdio: { command: npx, args: [-y, 1.10, 012], env: { TOKEN: [a] } }
    - { id: memory, path: /v1/docs, url: "http://me:hunter2@docs.internal/mcp" }
    - { id: x, path: /v1/docs/, url: "http://docs.internal/mcp", stdio: { command: x } }
    - { name: y, path: /health, transport: htp }
oidc:
  issuers: ["http://idp.example.com", { issuer: "https://a.example", algorithm: RS256, token_typ: loose }, 3]
api_keys:
  - { name: a, key: hunter2, role: engg }
  - { name: a, key: "\${NOPE}", role: eng, expires_at: tomorrow }
roles: { eng: { allow: [{ tools: a }] } }
storage: { postgres_url: ["postgres://me:hunter2@db/smcp"] }
`;
  expect(problemsOf(text)).toEqual([
    'smcp.yaml:1: server.prot: expected a known key, found "prot" (did you mean "port"?)',
    'smcp.yaml:1: server.write_timeout: expected a duration such as 30s, 1h30m or 500ms, longer than nothing, found "soon"',
    'smcp.yaml:1: server.max_body: expected a size such as 4MiB, at most 1GiB, found "4XB"',
    'smcp.yaml:2: auth.mode: expected one of none, oidc, found "odic" (did you mean "oidc"?)',
    "smcp.yaml:3: server: expected this key once (line 1 has it), found it again",
    'smcp.yaml:5: mcp.timeuot: expected a known key, found "timeuot" (did you mean "timeout"?)',
    'smcp.yaml:8: mcp.backends[0].path: expected a plain path such as /v1/docs, without dot segments, // or encoded slashes, found "/v1/../memory"',
    "smcp.yaml:9: mcp.backends[0].stdio.args[1]: expected quotes around what looks like a number, found 1.10",
    "smcp.yaml:9: mcp.backends[0].stdio.args[2]: expected a plain number, or quotes around text, found 012",
    "smcp.yaml:9: mcp.backends[0].stdio.env.TOKEN: expected text, found a list",
    'smcp.yaml:10: mcp.backends[1].id: expected an id that no other backend has, found "memory"',
    "smcp.yaml:10: mcp.backends[1].url: expected an http or https URL without user, password and fragment, found a URL with a user or a password",
    "smcp.yaml:11: mcp.backends[2]: expected either a url or stdio.command, found both",
    'smcp.yaml:11: mcp.backends[2].path: expected a path that "memory" does not have, found "/v1/docs"',
    "smcp.yaml:12: mcp.backends[3]: expected either a url or stdio.command, found neither",
    'smcp.yaml:12: mcp.backends[3].path: expected a path outside the server\'s own "/health", found "/health"',
    'smcp.yaml:12: mcp.backends[3].transport: expected one of http, stdio, found "htp" (did you mean "http"?)',
    'smcp.yaml:14: oidc.issuers[0]: expected an https URL (http only on loopback) or an object with one, found "http://idp.example.com"',
    'smcp.yaml:14: oidc.issuers[1].algorithm: expected a known key, found "algorithm" (did you mean "algorithms"?)',
    'smcp.yaml:14: oidc.issuers[1].token_typ: expected one of compat, strict, found "loose"',
    "smcp.yaml:14: oidc.issuers[2]: expected an https URL (http only on loopback) or an object with one, found 3",
    "smcp.yaml:16: api_keys[0].key: expected text of at least 16 characters, found text that is not shown",
    'smcp.yaml:16: api_keys[0].role: expected a role that roles or policies name, found "engg" (did you mean "eng"?)',
    'smcp.yaml:17: api_keys[1].name: expected a name that no other key or agent has, found "a"',
    'smcp.yaml:17: api_keys[1].key: expected the environment variable "NOPE", found none of that name',
    'smcp.yaml:17: api_keys[1].expires_at: expected a date such as 2027-01-31 or a moment such as 2027-01-31T12:00:00Z, found "tomorrow"',
    "smcp.yaml:18: roles.eng.allow[0].when: expected text on one line, not empty, found nothing",
    'smcp.yaml:18: roles.eng.allow[0].tools: expected a list, found "a"',
    "smcp.yaml:19: storage.postgres_url: expected a URL, or nothing, found a list",
  ]);
});

test("the failure counts the problems, exits 2 and says how to look again", () => {
  expect.assertions(3);
  try {
    load("serve: {}\n");
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigInvalid);
    expect(String(error)).toBe(
      'Failure: "smcp.yaml" has one problem\n  smcp.yaml:1: serve: expected a known key, found "serve" (did you mean "server"?)',
    );
    expect(error).toMatchObject({ exitCode: 2, hint: "mend it, then look at it with: smcp server --check" });
  }
});

describe("L20: YAML that two readers could take in two ways is refused", () => {
  const bomb = `a: &a x\nb: [${"*a,".repeat(40)}]\n`;
  test.each([
    ["an empty file", "", "smcp.yaml:1: expected a map of keys, found nothing"],
    ["a list", "- a\n", "smcp.yaml:1: expected a map of sections, found a list"],
    [
      "tabs",
      "server:\n\tport: 1\n",
      "smcp.yaml:2: expected well-formed YAML, found tabs are not allowed as indentation",
    ],
    [
      "a tag",
      "a: !!js/function x\n",
      "smcp.yaml:1: expected no tag, or one of YAML's own, found unresolved tag: tag:yaml.org,2002:js/function",
    ],
    [
      "two documents",
      "{}\n---\n{}\n",
      "smcp.yaml:2: expected well-formed YAML, found source contains multiple documents; please use YAML.parseAllDocuments()",
    ],
    ["YAML 1.1", "%YAML 1.1\n---\n{}\n", "smcp.yaml:1: expected YAML 1.2, found YAML 1.1"],
    ["many aliases", bomb, "smcp.yaml:2: expected at most 32 aliases, found more"],
    ["an alias of nothing", "server: *x\n", 'smcp.yaml:1: server: expected an alias of an anchor above it, found "*x"'],
  ])("%s", (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  test("nested aliases, which grow without end", () => {
    expect(problemsOf("mcp: &a { timeout: 1s }\nserver: &b { x: *a }\nauth: *b\n")).toContain(
      'smcp.yaml:2: auth.x: expected no alias within an alias, found "*a"',
    );
  });

  test("keys that are not names", () => {
    expect(problemsOf("1: a\n? [b]\n: c\n__proto__: { port: 1 }\n")).toEqual([
      'smcp.yaml:1: expected keys that are names, in quotes where they look like something else, found "1"',
      "smcp.yaml:2: expected keys that are names, in quotes where they look like something else, found a list, a map or an alias",
      'smcp.yaml:4: expected keys that are names, in quotes where they look like something else, found "__proto__"',
    ]);
  });

  test("a hundred thousand brackets are refused, not followed", () => {
    expect(problemsOf(`a: ${"[".repeat(100_000)}`).length).toBeGreaterThan(0);
  });

  test("duplicate keys and tabs in JSON", () => {
    expect(problemsOf('{"server":\t{"port":1,\n"port":2}}', {}, "a.json")).toEqual([
      "a.json:2: server.port: expected this key once (line 1 has it), found it again",
    ]);
    expect(problemsOf('{"server": {"port": 1,}}', {}, "a.json")).toEqual([
      "a.json:1: expected well-formed JSON, found text that is not",
    ]);
  });

  test("words that YAML 1.1 took for switches", () => {
    expect(problemsOf("metrics: { enabled: yes }\n")).toEqual([
      'smcp.yaml:1: metrics.enabled: expected true or false, found "yes"',
    ]);
  });
});

test("a key without a value is absent", () => {
  const { settings } = load("server:\n  port:\nauth:\nmcp:\n  backends:\n");
  expect(settings.server.port).toBe(8080);
});

describe("a merge key", () => {
  test("brings the keys that a map has not got itself", () => {
    const text = `servers:
  a: &a { url: "http://a", timeout: 5s, model: one }
  b: { <<: *a, timeout: 7s }
  c: { url: "http://c", <<: [*a] }
`;
    const seen = load(text).settings.backends.map((one) => [one.id, one.timeout, one.model]);
    expect(seen).toEqual([
      ["a", 5_000, "one"],
      ["b", 7_000, "one"],
      ["c", 5_000, "one"],
    ]);
  });

  test("keeps its own line for what it brings", () => {
    expect(problemsOf("server: &s\n  prot: 1\nmetrics:\n  <<: *s\nauth: { <<: 3 }\n")).toEqual([
      'smcp.yaml:2: server.prot: expected a known key, found "prot" (did you mean "port"?)',
      'smcp.yaml:4: metrics.prot: expected one of enabled, path, listen, found "prot"',
      'smcp.yaml:5: auth["<<"]: expected an alias of a map, or a list of them, found something else',
    ]);
  });
});

test("a bare number is seconds, with a warning", () => {
  const { settings } = load("server: { read_timeout: 5 }\nmcp:\n  timeout: 1.5\n");
  expect(settings.server.readTimeout).toBe(5_000);
  expect(settings.warnings).toEqual([
    '"server.read_timeout" (smcp.yaml:1) is a bare number: it counts seconds, write 5s',
    '"mcp.timeout" (smcp.yaml:3) is a bare number: it counts seconds, write 1.5s',
    "nobody who could sign in is configured: every program on this machine may use every backend",
    "no backend is configured",
  ]);
});

test("arguments and variables of a command may be plain numbers and switches", () => {
  const { settings } = load("servers: { a: { command: x, args: [-p, 8080, true], env: { DEBUG: 1 } } }\n");
  expect(settings.backends[0]).toMatchObject({ args: ["-p", "8080", "true"], env: new Map([["DEBUG", "1"]]) });
});

test("the gateway's own headers are not forwarded", () => {
  expect(problemsOf("servers: { a: { url: http://a, forward_headers: [X-Tenant, Authorization] } }\n")).toEqual([
    'smcp.yaml:1: servers.a.forward_headers[1]: expected the name of a header that is not the gateway\'s own, found "Authorization"',
  ]);
});

describe("names and paths that are taken", () => {
  test.each([
    [
      "the reserved id",
      "servers: { smcp: { url: http://a, path: /x } }",
      'smcp.yaml:1: servers.smcp: expected another id than the reserved "smcp", found "smcp"',
    ],
    [
      "the reserved path",
      "servers: { a: { url: http://a, path: /mcp/smcp/x } }",
      'smcp.yaml:1: servers.a.path: expected a path outside the server\'s own "/mcp/smcp", found "/mcp/smcp/x"',
    ],
    [
      "metadata",
      "servers: { a: { url: http://a, path: /.well-known/x } }",
      'smcp.yaml:1: servers.a.path: expected a path outside the server\'s own "/.well-known", found "/.well-known/x"',
    ],
    [
      "metrics elsewhere",
      "metrics: { path: /m }\nservers: { a: { url: http://a, path: /m/ } }",
      'smcp.yaml:2: servers.a.path: expected a path outside the server\'s own "/m", found "/m"',
    ],
    [
      "an id with a colon",
      "servers: { 'a:b': { url: http://a, path: /x } }",
      'smcp.yaml:1: servers["a:b"]: expected an id without colons, stars, slashes and control characters, found "a:b"',
    ],
    [
      "a name that is no path",
      "servers: { 'a b': { url: http://a } }",
      'smcp.yaml:1: servers["a b"]: expected a name that can stand in a path, or a path of its own, found "a b"',
    ],
    [
      "listen and server.port",
      "listen: ':1'\nserver: { port: 1 }",
      "smcp.yaml:1: listen: expected either listen, or server.host and server.port, found both",
    ],
  ])("%s", (_, text, problem) => {
    expect(problemsOf(`${text}\n`)).toEqual([problem]);
  });

  test("the root and what lies beside a fixed route are free", () => {
    const { settings } = load("servers: { a: { url: http://a, path: / }, b: { url: http://b, path: /healthy } }\n");
    expect(settings.backends.map((one) => one.path)).toEqual(["/", "/healthy"]);
  });
});

describe("auth.mode", () => {
  test("left out with nobody configured: loopback only", () => {
    expect(load("{}\n").settings.server.host).toBe("127.0.0.1");
    expect(load("listen: ':9'\n").settings.server).toMatchObject({ host: "127.0.0.1", port: 9 });
    expect(load("server: { host: '::1' }\n").settings.auth.mode).toBe("none");
    expect(problemsOf("server: { host: 0.0.0.0 }\n")).toEqual([
      'smcp.yaml:1: server.host: expected a loopback address while nobody has to sign in, or "auth: { mode: none }" written out, found "0.0.0.0"',
    ]);
    expect(problemsOf("listen: '[::]:80'\n")).toEqual([
      'smcp.yaml:1: listen: expected a loopback address while nobody has to sign in, or "auth: { mode: none }" written out, found "[::]"',
    ]);
  });

  test("left out with an issuer: required, on every address", () => {
    const { settings } = load("oidc: { issuers: [https://idp.example] }\n");
    expect([settings.auth.mode, settings.server.host]).toEqual(["oidc", "0.0.0.0"]);
  });

  test("oidc with nobody configured is refused", () => {
    expect(problemsOf("auth: { mode: oidc }\n")).toEqual([
      "smcp.yaml:1: auth.mode: expected somebody who can sign in (oidc.issuers, api_keys, agents or sso), found nobody",
    ]);
  });

  test("none is allowed on any address, with a warning", () => {
    const { settings } = load("auth: { mode: none }\n");
    expect(settings.server.host).toBe("0.0.0.0");
    expect(settings.warnings[0]).toBe("auth.mode is none: everybody who can reach this address may use every backend");
  });
});

describe("claims", () => {
  test("of all issuers and of one go together", () => {
    const text = `oidc:
  required_claims: { tenant: acme, "realm_access.roles": [a, b] }
  issuers: [{ issuer: "http://127.0.0.1:9/x/", required_claims: { tenant: { any: [acme, umbrella] } } }]
`;
    expect(load(text).settings.issuers[0]).toMatchObject({
      issuer: "http://127.0.0.1:9/x/",
      requiredClaims: new Map<string, unknown>([
        ["tenant", { any: ["acme", "umbrella"] }],
        ["realm_access.roles", ["a", "b"]],
      ]),
    });
  });

  test("named after the language's own objects are refused", () => {
    expect(problemsOf("oidc: { issuers: [https://a.example], required_claims: { a.constructor: x } }\n")).toEqual([
      'smcp.yaml:1: oidc.required_claims["a.constructor"]: expected the name of a claim, or a path of names with dots, found "a.constructor"',
    ]);
  });
});
