/** Every flag, short form, variable and key that the contract names, in every spelling that a user of smcp-proxy may have. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { CLIENT_PREFIX, clientFlags, loadClientSettings, resolveFlags } from "@smcp/config";
import { parseFlags } from "../src/parse.ts";
import { Folder } from "./program.ts";

interface Row {
  readonly flag: string;
  readonly text: string;
  /** What it is once read. Left out: the text. */
  readonly value?: unknown;
  readonly alias?: string;
  readonly variables?: readonly string[];
  readonly isSwitch?: true;
  /** Accepted, but this version says that it does not do it yet. */
  readonly isUnbuilt?: true;
}

const later = (flag: string, text: string, more: Partial<Row> = {}): Row => ({ flag, text, isUnbuilt: true, ...more });
const onOff = (flag: string, more: Partial<Row> = {}): Row => ({
  flag,
  text: "true",
  value: true,
  isSwitch: true,
  ...more,
});

const ROWS: readonly Row[] = [
  { flag: "server-url", text: "https://mcp.example.com/base", variables: ["SMCP_SERVER_URL"] },
  { flag: "host", text: "::1" },
  { flag: "port", text: "9000", value: 9000 },
  { flag: "listen", text: "unix:/run/smcp.sock" },
  { flag: "stdio", text: "/v1/docs" },
  { flag: "read-timeout", text: "1m30s", value: 90_000 },
  { flag: "write-timeout", text: "1.5s", value: 1_500 },
  { flag: "shutdown-timeout", text: "500ms", value: 500 },
  { flag: "server-timeout", text: "1h", value: 3_600_000 },
  { flag: "auth-mode", text: "none", variables: ["SMCP_AUTH_MODE"] },
  { flag: "token-file", text: "/etc/smcp/token" },
  later("agent-key-file", "/etc/smcp/agent.pem"),
  later("agent-manifest", "/srv/agent"),
  { flag: "oidc-issuer", text: "https://idp.example.com", variables: ["SMCP_OIDC_ISSUER"] },
  { flag: "oidc-client-id", text: "laptop", variables: ["SMCP_OIDC_CLIENT_ID"] },
  { flag: "oidc-client-secret", text: "hunter2", variables: ["SMCP_OIDC_CLIENT_SECRET"] },
  { flag: "oidc-audience", text: "api", variables: ["SMCP_OIDC_AUDIENCE"] },
  { flag: "oidc-client-secret-file", text: "/dev/null" },
  { flag: "oidc-private-key-file", text: "/etc/smcp/key.pem" },
  { flag: "oidc-assertion-file", text: "/var/run/secrets/token" },
  { flag: "oidc-auth-method", text: "client_secret_post" },
  { flag: "oidc-scopes", text: "openid,groups", value: ["openid", "groups"], variables: ["SMCP_OIDC_SCOPES"] },
  { flag: "oidc-flow", text: "client-credentials" },
  { flag: "oidc-resource", text: "https://mcp.example.com" },
  { flag: "oidc-cache-ttl", text: "10m", value: 600_000 },
  { flag: "oidc-token-ttl-delta", text: "1m", value: 60_000 },
  { flag: "oidc-clock-tolerance", text: "5s", value: 5_000 },
  { flag: "redirect-host", text: "localhost" },
  { flag: "redirect-port", text: "8000,18000", value: ["8000", "18000"] },
  onOff("allow-unadvertised-pkce"),
  onOff("accept-issuer-change"),
  onOff("open"),
  { flag: "profile", text: "work" },
  { flag: "token-store", text: "keyring" },
  { flag: "dpop", text: "on" },
  onOff("tls"),
  { flag: "tls-cert", text: "/etc/smcp/cert.pem" },
  { flag: "tls-key", text: "/etc/smcp/key.pem" },
  { flag: "ca-file", text: "/etc/ssl/ca.pem" },
  { flag: "allow-host", text: "my.host,other.host:1", value: ["my.host", "other.host:1"] },
  { flag: "allow-origin", text: "https://app.example.com", value: ["https://app.example.com"] },
  onOff("allow-remote-bind"),
  { flag: "local-secret-file", text: "/etc/smcp/local" },
  onOff("require-peer-uid"),
  { flag: "forward-header", text: "X-Tenant,x-team", value: ["X-Tenant", "x-team"] },
  { flag: "max-body", text: "64KiB", value: 65_536 },
  onOff("metrics"),
  { flag: "metrics-path", text: "/m" },
  { flag: "log-level", text: "debug", alias: "l" },
  { flag: "log-format", text: "json", alias: "f" },
];

const line = { command: "smcp client", description: "", flags: clientFlags } as const;
const variableOf = (flag: string): string => CLIENT_PREFIX + flag.replaceAll("-", "_").toUpperCase();

/** What a row becomes, or the sentence that this version does not do it yet. */
async function read(row: Row, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const parsed = await parseFlags(line, args, 100);
  if ("help" in parsed) throw new Error("that asked for help");
  try {
    return resolveFlags(clientFlags, { flags: parsed.flags, env, prefix: CLIENT_PREFIX }).values.get(row.flag);
  } catch (error) {
    return (error as Error).message;
  }
}

const expected = ({ text, value = text, isUnbuilt }: Row, origin: string): unknown =>
  isUnbuilt ? `"${origin}" is not built yet in this version` : value;

test("the table has every flag that there is", () => {
  expect(ROWS.map((row) => row.flag).toSorted()).toEqual(clientFlags.map((flag) => flag.name).toSorted());
});

describe.each(ROWS)("--$flag", (row) => {
  const { flag, text, alias, variables = [], isSwitch } = row;

  test("in every spelling of the command line", async () => {
    const spellings = [[`--${flag}=${text}`], [`-${flag}=${text}`]];
    if (isSwitch) spellings.push([`--${flag}`], [`-${flag}`], [`--${flag}=1`], [`--${flag}=T`]);
    else spellings.push([`--${flag}`, text], [`-${flag}`, text]);
    if (alias !== undefined) spellings.push([`-${alias}`, text], [`-${alias}=${text}`], [`-${alias}${text}`]);
    for (const args of spellings) expect(await read(row, args), args.join(" ")).toEqual(expected(row, `--${flag}`));
    for (const args of isSwitch ? [[`--${flag}=false`], [`--no-${flag}`], [`-${flag}=0`]] : []) {
      expect(await read(row, args), args.join(" ")).toBe(false);
    }
  });

  test.each([variableOf(flag), ...variables])("as %s", async (name) => {
    expect(await read(row, [], { [name]: text })).toEqual(expected(row, name));
    // A flag counts more; an empty variable is unset.
    expect(await read(row, [`--${flag}=${text}`], { [name]: "wrong" })).toEqual(expected(row, `--${flag}`));
    expect(await read(row, [], { [name]: "" })).toEqual(await read(row, []));
  });
});

/** As a person writes it in YAML. */
const valueIn = ({ text, value }: Row): unknown =>
  typeof value === "number" && !/^\d+$/.test(text) ? text : (value ?? text);

describe("client.yaml", () => {
  const folder = mkdtempSync(join(tmpdir(), "smcp-drop-in-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const fromFile = (rows: readonly Row[]) => {
    const file = join(folder, "client.yaml");
    writeFileSync(
      file,
      JSON.stringify(Object.fromEntries(rows.map((row) => [row.flag.replaceAll("-", "_"), valueIn(row)]))),
    );
    return loadClientSettings({ flags: {}, env: {}, cwd: "/", file });
  };
  test("takes every key", () => {
    // One proof of who this is, and a sign-in at all.
    const others = new Set(["oidc-client-secret-file", "oidc-private-key-file", "oidc-assertion-file", "token-file"]);
    const { settings, log } = fromFile(ROWS.filter((row) => !row.isUnbuilt && !others.has(row.flag)));
    expect({ settings: { ...settings, serverUrl: settings.serverUrl.href }, log }).toMatchObject({
      settings: {
        serverUrl: "https://mcp.example.com/base",
        host: "::1",
        port: 9000,
        stdioPath: "/v1/docs",
        readTimeout: 90_000,
        writeTimeout: 1_500,
        shutdownTimeout: 500,
        serverTimeout: 3_600_000,
        authMode: "none",
        oidc: {
          issuer: "https://idp.example.com",
          clientId: "laptop",
          audience: "api",
          scopes: ["openid", "groups"],
          flow: "client-credentials",
          resource: "https://mcp.example.com",
          cacheTtl: 600_000,
          tokenTtlDelta: 60_000,
          clockTolerance: 5_000,
          authMethod: "client_secret_post",
          redirectHost: "localhost",
          redirectPorts: [8_000, 18_000],
          allowsUnadvertisedPkce: true,
          acceptsIssuerChange: true,
        },
        allowHosts: ["my.host", "other.host:1"],
        allowOrigins: ["https://app.example.com"],
        forwardHeaders: ["x-tenant", "x-team"],
        maxBody: 65_536,
        metrics: { enabled: true, path: "/m" },
        tls: { certFile: "/etc/smcp/cert.pem", keyFile: "/etc/smcp/key.pem" },
        caFile: "/etc/ssl/ca.pem",
      },
      log: { level: "debug", format: "json" },
    });
  });

  test.each(ROWS.filter((row) => row.isUnbuilt))("knows $flag, which is not built yet", (row) => {
    const key = row.flag.replaceAll("-", "_");
    expect(() => fromFile([row])).toThrow(`"${key}" is not built yet in this version`);
  });
});

describe("smcp server", () => {
  const file = "server: { host: 127.0.0.1, port: 0 }\nauth: { mode: none }\n";
  test.each([
    ["smcp", ["server", "--config", "F", "--check"]],
    ["smcp", ["server", "--config=F", "--check=true"]],
    ["smcp", ["server", "-config=F", "-check"]],
    ["smcp", ["server", "-c", "F", "--check"]],
    ["smcp", ["server", "-c=F", "--check=1"]],
    ["smcp", ["server", "-cF", "--check", "-ldebug", "-f", "json", "--auth-mode=none"]],
    ["smcp", ["server", "-c", "F", "--log-level=warn", "--log-format", "text", "--auth-mode", "none", "--check"]],
    ["smcp-proxy", ["server", "--config=F", "--check"]],
    ["smcp-gateway", ["--config", "F", "--check"]],
  ] as const)("%s %j", async (bin, args) => {
    using folder = new Folder();
    folder.write("F", file);
    const { code, stdout, stderr } = await folder.run(args, {}, bin);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("configuration: F\naddress: http://127.0.0.1:0\n");
  });

  test("takes its file's name from SMCP_PROXY_CONFIG, and is overridden by the environment", async () => {
    using folder = new Folder();
    folder.write("F", file);
    const { code, stdout } = await folder.run(["server", "--check"], {
      SMCP_PROXY_CONFIG: "F",
      SMCP_PROXY_SERVER_PORT: "9",
    });
    expect(code).toBe(0);
    expect(stdout).toContain("configuration: F\naddress: http://127.0.0.1:9\n");
  });

  test.each(["configs/proxy-server.yml", "smcp.yaml", "xdg/smcp/smcp.yaml"])("finds %s by itself", async (name) => {
    using folder = new Folder();
    mkdirSync(join(folder.path, name, ".."), { recursive: true });
    folder.write(name, file);
    expect((await folder.run(["server", "--check"])).stdout).toContain(name);
  });

  test("exits 2 for a malformed variable, naming it", async () => {
    using folder = new Folder();
    folder.write("smcp.yaml", file);
    expect(await folder.run(["server"], { SMCP_PROXY_SERVER_PORT: "http" })).toMatchObject({
      code: 2,
      stderr:
        'smcp: "smcp.yaml" has one problem\n  SMCP_PROXY_SERVER_PORT: server.port: expected a whole number from 0 to 65535, ' +
        'found "http"\nhint: mend it, then look at it with: smcp server --check\n',
    });
  });
});
