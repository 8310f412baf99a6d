import { describe, expect, test } from "vitest";
import type { ServerSettings } from "@smcp/config";
import { leavesOf, templateOf } from "../src/leaves.ts";
import { override, variableOf } from "../src/overrides.ts";
import { serverFile } from "../src/schema.ts";
import { valueAt } from "../src/untyped.ts";
import { load, problemsOf } from "./loading.ts";

const FILE = `server: { host: 127.0.0.1, port: 1, read_timeout: 9s, write_timeout: 9s, shutdown_timeout: 9s }
auth: { mode: oidc }
mcp:
  timeout: 9s
  backends:
    - { id: memory, path: /v1/memory, stdio: { command: npx, args: [-y], env: { TOKEN: from-the-file } } }
    - { id: docs, name: Docs, transport: http, path: /v1/docs, url: "http://docs.internal/mcp" }
servers:
  more-tools: { url: "http://more.internal/mcp" }
oidc:
  issuers: ["https://idp.example.com"]
  audience: api
  required_claims: { Department: eng }
metrics: { enabled: true, path: /metrics }
`;

/** Every key of smcp-proxy's file that holds one value or a list of values, and some of the others. */
const KEYS: readonly (readonly [
  variable: string,
  text: string,
  read: (one: ServerSettings) => unknown,
  value: unknown,
])[] = [
  ["SERVER_HOST", "::1", (one) => one.server.host, "::1"],
  ["SERVER_PORT", "9090", (one) => one.server.port, 9090],
  ["SERVER_READ_TIMEOUT", "1m30s", (one) => one.server.readTimeout, 90_000],
  ["SERVER_WRITE_TIMEOUT", "1.5s", (one) => one.server.writeTimeout, 1_500],
  ["SERVER_SHUTDOWN_TIMEOUT", "500ms", (one) => one.server.shutdownTimeout, 500],
  ["AUTH_MODE", "none", (one) => one.auth.mode, "none"],
  ["MCP_TIMEOUT", "5s", (one) => one.backends[1]?.timeout, 5_000],
  ["MCP_BACKENDS_0_ID", "notes", (one) => one.backends[0]?.id, "notes"],
  ["MCP_BACKENDS_0_NAME", "Notes", (one) => one.backends[0]?.name, "Notes"],
  ["MCP_BACKENDS_1_TRANSPORT", "http", (one) => one.backends[1]?.kind, "http"],
  ["MCP_BACKENDS_0_PATH", "/v2/memory", (one) => one.backends[0]?.path, "/v2/memory"],
  ["MCP_BACKENDS_0_STRIP_PATH", "1", (one) => one.backends[0]?.stripPath, true],
  ["MCP_BACKENDS_0_TIMEOUT", "7s", (one) => one.backends[0]?.timeout, 7_000],
  ["MCP_BACKENDS_0_MODEL", "m", (one) => one.backends[0]?.model, "m"],
  ["MCP_BACKENDS_0_MAX_TOKENS", "12", (one) => one.backends[0]?.maxTokens, 12],
  ["MCP_BACKENDS_0_STDIO_COMMAND", "uvx", (one) => stdioOf(one).command, "uvx"],
  ["MCP_BACKENDS_0_STDIO_ARGS", "-y, server,1.10", (one) => stdioOf(one).args, ["-y", "server", "1.10"]],
  ["MCP_BACKENDS_0_STDIO_ENV_TOKEN", "12", (one) => stdioOf(one).env, new Map([["TOKEN", "12"]])],
  ["MCP_BACKENDS_0_STDIO_WORKING_DIR", "/srv", (one) => stdioOf(one).workingDir, "/srv"],
  ["MCP_BACKENDS_0_STDIO_STDIO_TIMEOUT", "8s", (one) => stdioOf(one).stdioTimeout, 8_000],
  ["MCP_BACKENDS_1_URL", "http://other.internal/mcp", (one) => urlOf(one, 1), "http://other.internal/mcp"],
  ["SERVERS_MORE_TOOLS_URL", "http://other.internal/mcp", (one) => urlOf(one, 2), "http://other.internal/mcp"],
  ["MCP_ENDPOINTS", "http://a,http://b", (one) => one.warnings.some((w) => w.includes("mcp.endpoints")), true],
  [
    "OIDC_ISSUERS",
    "https://a.example,https://b.example",
    (one) => one.issuers.map((i) => i.issuer),
    ["https://a.example", "https://b.example"],
  ],
  ["OIDC_AUDIENCE", "a,b", (one) => one.issuers[0]?.audiences, ["a", "b"]],
  [
    "OIDC_REQUIRED_CLAIMS_DEPARTMENT",
    "sales",
    (one) => one.issuers[0]?.requiredClaims,
    new Map([["Department", ["sales"]]]),
  ],
  ["METRICS_ENABLED", "false", (one) => one.metrics.enabled, false],
  ["METRICS_PATH", "/m", (one) => one.metrics.path, "/m"],
  ["SERVER_MAX_BODY", "64KiB", (one) => one.server.maxBody, 65_536],
  ["SERVER_TRUSTED_PROXIES", "10.0.0.0/8, ::1", (one) => one.server.trustedProxies, ["10.0.0.0/8", "::1"]],
  ["SERVER_SESSION_KEY", "$not a ${reference}", (one) => one.server.sessionKey?.reveal(), "$not a ${reference}"],
  ["CLIENT_FLOWS", "device", (one) => one.client.flows, ["device"]],
];

function stdioOf({ backends: [one] }: ServerSettings) {
  if (one?.kind !== "stdio") throw new TypeError("the first backend is a command");
  return one;
}

function urlOf({ backends }: ServerSettings, i: number): string | undefined {
  const one = backends[i];
  return one?.kind === "http" ? one.url.href : undefined;
}

const TEMPLATE = templateOf(serverFile);
const LEAVES = leavesOf(serverFile, TEMPLATE).filter(({ holds }) => holds !== "none");

describe("every key that holds one value or a list of values", () => {
  test("has a variable of its own", () => {
    const names = LEAVES.map(({ path }) => variableOf(path));
    expect(names.length).toBeGreaterThan(150);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  test.each(LEAVES.map(({ path, holds }) => [variableOf(path), path, holds] as const))("%s", (name, path, holds) => {
    const resolved = { root: TEMPLATE, written: new Map<string, string>(), problems: [] };
    const { root, variables } = override(serverFile, resolved, { [name]: "x" });
    expect([...variables]).toEqual([[JSON.stringify(path), name]]);
    expect(valueAt(root, path)).toEqual(holds === "list" ? ["x"] : "x");
  });
});

describe("a variable of the environment", () => {
  test.each(KEYS)("SMCP_PROXY_%s=%s counts more than the file", (name, text, read, value) => {
    if (value !== "http") expect(read(load(FILE).settings)).not.toEqual(value);
    expect(read(load(FILE, { [`SMCP_PROXY_${name}`]: text }).settings)).toEqual(value);
  });

  test.each(KEYS.filter(([name]) => !name.startsWith("OIDC_ISSUERS")))(
    "SMCP_PROXY_%s that is empty is unset",
    (name, _, read) => {
      expect(read(load(FILE, { [`SMCP_PROXY_${name}`]: "" }).settings)).toEqual(read(load(FILE).settings));
    },
  );

  test("makes sections that the file has not", () => {
    const { settings, unbuilt } = load("auth: { mode: none }", {
      SMCP_PROXY_TLS_ENABLED: "t",
      SMCP_PROXY_TLS_CERT_FILE: "cert.pem",
      SMCP_PROXY_TLS_KEY_FILE: "key.pem",
      SMCP_PROXY_METRICS_LISTEN: ":9",
      SMCP_PROXY_AUDIT_CHECKPOINT_INTERVAL: "5s",
      SMCP_PROXY_SERVER_PORT: "9",
    });
    expect(settings.server.port).toBe(9);
    expect(settings.server.tls).toEqual({
      certFile: "/srv/smcp/cert.pem",
      keyFile: "/srv/smcp/key.pem",
      clientAuth: "require",
    });
    expect(unbuilt).toEqual([
      { key: "metrics.listen", line: 1, variable: "SMCP_PROXY_METRICS_LISTEN" },
      { key: "audit", line: 1 },
    ]);
  });

  test("is told by its name when it is malformed, and a secret one is not shown", () => {
    expect(
      problemsOf(FILE, {
        SMCP_PROXY_SERVER_PORT: "80a",
        SMCP_PROXY_METRICS_ENABLED: "maybe",
        SMCP_PROXY_AUTH_MODE: "odic",
        SMCP_PROXY_SERVER_SESSION_KEY: "hunter2",
        SMCP_PROXY_OIDC_ISSUERS: "https://a.example,b",
        SMCP_PROXY_MCP_BACKENDS_1_ID: "memory",
      }).toSorted(),
    ).toEqual([
      'SMCP_PROXY_AUTH_MODE: auth.mode: expected one of none, oidc, found "odic" (did you mean "oidc"?)',
      'SMCP_PROXY_MCP_BACKENDS_1_ID: mcp.backends[1].id: expected an id that no other backend has, found "memory"',
      'SMCP_PROXY_METRICS_ENABLED: metrics.enabled: expected true or false, found "maybe"',
      'SMCP_PROXY_OIDC_ISSUERS: oidc.issuers[1]: expected an https URL (http only on loopback) or an object with one, found "b"',
      'SMCP_PROXY_SERVER_PORT: server.port: expected a whole number from 0 to 65535, found "80a"',
      "SMCP_PROXY_SERVER_SESSION_KEY: server.session_key: expected text of at least 16 characters, found text that is not shown",
    ]);
  });

  test("that Kubernetes set is unset, and not warned about", () => {
    const { settings } = load(FILE, {
      SMCP_PROXY_SERVER_PORT: "tcp://10.0.0.1:8080",
      SMCP_PROXY_SERVER_PORT_8080_TCP: "tcp://10.0.0.1:8080",
      SMCP_PROXY_SERVICE_HOST: "10.0.0.1",
      SMCP_PORT: "tcp://10.0.0.1:8080",
    });
    expect(settings.server.port).toBe(1);
    expect(settings.warnings).toEqual(load(FILE).settings.warnings);
  });

  test("that is not known is warned about, as is a bare number", () => {
    const { settings } = load(FILE, {
      SMCP_PROXY_SERVER_PROT: "1",
      SMCP_PROXY_MCP_BACKENDS_7_URL: "http://x",
      SMCP_SERVER_ULR: "https://x.example",
      SMCP_CLIENT_PORT: "1",
      SMCP_PROXY_LOG_LEVEL: "debug",
      SMCP_PROXY_MCP_TIMEOUT: "30",
    });
    expect(settings.backends[1]?.timeout).toBe(30_000);
    expect(settings.warnings.filter((one) => one.includes("SMCP_"))).toEqual([
      'the variable "SMCP_PROXY_SERVER_PROT" is not known (did you mean "SMCP_PROXY_SERVER_PORT"?)',
      'the variable "SMCP_PROXY_MCP_BACKENDS_7_URL" is not known (did you mean "SMCP_PROXY_MCP_BACKENDS_0_URL"?)',
      'the variable "SMCP_SERVER_ULR" is not known (did you mean "SMCP_SERVER_URL"?)',
      '"SMCP_PROXY_MCP_TIMEOUT" is a bare number: it counts seconds, write 30s',
    ]);
  });

  test.each([
    [{ SMCP_PROXY_SERVER_PORT: "9" }, "127.0.0.1", 9],
    [{ SMCP_PROXY_SERVER_HOST: "::1" }, "::1", 8080],
    [{ SMCP_PROXY_LISTEN: "[::1]:9" }, "::1", 9],
  ])("%j counts in either form of the address", (env, host, port) => {
    const listen = 'listen: "127.0.0.1:8080"\nauth: { mode: none }\n';
    const apart = "server: { host: 127.0.0.1, port: 8080 }\nauth: { mode: none }\n";
    for (const text of [listen, apart]) expect(load(text, env).settings.server).toMatchObject({ host, port });
  });

  test("counts less than a flag", async () => {
    const { readServerSettings } = await import("@smcp/config");
    const source = { path: "smcp.yaml", cwd: "/", env: { SMCP_PROXY_AUTH_MODE: "oidc" } };
    expect(readServerSettings(FILE, { ...source, flags: { authMode: "none" } }).settings.auth.mode).toBe("none");
  });
});
