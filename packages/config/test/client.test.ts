import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ClientSettings, clientFlags, loadClientSettings, type LoadedClient, stateFolder } from "@smcp/config";

const SERVER = { "server-url": "https://mcp.example.com" };
let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "smcp-client-"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

function load(flags: Record<string, string> = SERVER, env: Record<string, string> = {}): LoadedClient {
  return loadClientSettings({ flags, env: { XDG_CONFIG_HOME: join(cwd, "home"), ...env }, cwd });
}

function writeFile(text: string): void {
  mkdirSync(join(cwd, "home/smcp"), { recursive: true });
  writeFileSync(join(cwd, "home/smcp/client.yaml"), text);
}

const failure = (message: string, hint?: string) =>
  expect.objectContaining({ message, exitCode: 2, ...(hint !== undefined && { hint }) });

test("the defaults are those of the contract", () => {
  const { settings, log, warnings } = load();
  expect(settings).toEqual<ClientSettings>({
    serverUrl: new URL("https://mcp.example.com"),
    host: "127.0.0.1",
    port: 8081,
    readTimeout: 30_000,
    writeTimeout: 30_000,
    shutdownTimeout: 10_000,
    serverTimeout: 60_000,
    authMode: "auto",
    oidc: {
      scopes: ["openid"],
      flow: "auto",
      resource: "auto",
      cacheTtl: 300_000,
      tokenTtlDelta: 30_000,
      clockTolerance: 30_000,
      dpop: "auto",
      areScopesGiven: false,
      redirectHost: "127.0.0.1",
      redirectPorts: [],
      allowsUnadvertisedPkce: false,
      acceptsIssuerChange: false,
    },
    opensBrowser: true,
    profile: "default",
    tokenStore: "auto",
    stateFolder: stateFolder({}),
    requirePeerUid: false,
    allowHosts: [],
    forwardHeaders: [],
    allowOrigins: [],
    maxBody: 4_194_304,
    metrics: { enabled: true, path: "/metrics" },
  });
  expect(log).toEqual({ level: "info", format: "text" });
  expect(warnings).toEqual([]);
  expect(Object.isFrozen(settings.oidc)).toBe(true);
});

test("without a server it says how to name one", () => {
  expect(() => load({})).toThrow(
    failure("no server to relay to is named", "give --server-url https://HOST, or set SMCP_SERVER_URL"),
  );
});

test("flag, then variable, then alias, then file, then default", () => {
  writeFile("server_url: https://file.example\nport: 1\nread_timeout: 1s\nwrite_timeout: 7s\n");
  const env = { SMCP_CLIENT_PORT: "2", SMCP_CLIENT_READ_TIMEOUT: "2s", SMCP_SERVER_URL: "https://alias.example" };
  const { settings } = load({ port: "3" }, env);
  expect(settings).toMatchObject({ port: 3, readTimeout: 2_000, writeTimeout: 7_000, shutdownTimeout: 10_000 });
  expect(settings.serverUrl.href).toBe("https://alias.example/");
  const other = load({}, { ...env, SMCP_CLIENT_SERVER_URL: "https://own.example" });
  expect(other.settings.serverUrl.href).toBe("https://own.example/");
});

test("an empty variable is unset, and so is an empty text on the command line", () => {
  const env = { SMCP_CLIENT_HOST: "", SMCP_OIDC_ISSUER: "", SMCP_CLIENT_METRICS: "" };
  const { settings } = load({ ...SERVER, "oidc-audience": "" }, env);
  expect(settings).toMatchObject({ host: "127.0.0.1", authMode: "auto", metrics: { enabled: true } });
  expect(settings.oidc).not.toHaveProperty("audience");
});

test("what Kubernetes sets for a service of our name is unset, without a warning", () => {
  const env = {
    SMCP_CLIENT_PORT: "tcp://10.0.0.1:8081",
    SMCP_SERVER_PORT: "tcp://10.0.0.1:8080",
    SMCP_SERVER_PORT_8080_TCP_ADDR: "10.0.0.1",
    SMCP_SERVER_SERVICE_HOST: "10.0.0.1",
    SMCP_SERVER_SERVICE_PORT_HTTP: "8080",
  };
  const { settings, warnings } = load(SERVER, env);
  expect(settings.port).toBe(8081);
  expect(warnings).toEqual([]);
});

test("an unknown variable of our name is warned about, the server's are not", () => {
  const { warnings } = load(SERVER, { SMCP_CLIENT_PROT: "1", SMCP_PROXY_SERVER_PORT: "1", SMCP: "x" });
  expect(warnings).toEqual(['the variable "SMCP_CLIENT_PROT" is not known (did you mean "SMCP_CLIENT_PORT"?)']);
});

describe("a malformed value stops the start", () => {
  test.each([
    [{ port: "abc" }, {}, '--port: expected a whole number from 0 to 65535, found "abc"'],
    [{ port: "70000" }, {}, '--port: expected a whole number from 0 to 65535, found "70000"'],
    [{}, { SMCP_CLIENT_PORT: "0x1f" }, 'SMCP_CLIENT_PORT: expected a whole number from 0 to 65535, found "0x1f"'],
    [{}, { SMCP_CLIENT_METRICS: "maybe" }, 'SMCP_CLIENT_METRICS: expected true or false, found "maybe"'],
    [{ "read-timeout": "30x" }, {}, '--read-timeout: expected a duration such as 30s, 1h30m or 500ms, found "30x"'],
    [{ "max-body": "4XB" }, {}, '--max-body: expected a size such as 4MiB, at most 1GiB, found "4XB"'],
    [{ "auth-mode": "oicd" }, {}, '--auth-mode: expected one of none, oidc, auto, found "oicd" (did you mean "oidc"?)'],
    [{ "log-format": "xml" }, {}, '--log-format: expected one of text, json, found "xml"'],
    [
      { "server-url": "mcp.example.com" },
      {},
      '--server-url: expected an http or https URL without user, password, query and fragment, found "mcp.example.com"',
    ],
    [
      { "server-url": "https://me:hunter2@x" },
      {},
      "--server-url: expected an http or https URL without user, password, query and fragment, found one that is not shown",
    ],
    [
      {},
      { SMCP_OIDC_ISSUER: "http://idp.example" },
      'SMCP_OIDC_ISSUER: expected an https URL without a query (http only on a loopback address), found "http://idp.example"',
    ],
    [
      { "oidc-resource": "somewhere" },
      {},
      '--oidc-resource: expected auto, off or a URI without a fragment, found "somewhere"',
    ],
    [{ stdio: "/v1/../x" }, {}, '--stdio: expected a plain path such as /v1/docs, found "/v1/../x"'],
    [{ "allow-origin": "*" }, {}, '--allow-origin: expected origins such as https://app.example.com, found "*"'],
    [
      { "oidc-client-secret-file": "nowhere" },
      {},
      '--oidc-client-secret-file: expected a file that is there and not empty, found "nowhere"',
    ],
  ])("%j %j", (flags, env, message) => {
    expect(() => load({ ...SERVER, ...flags }, env as Record<string, string>)).toThrow(failure(message));
  });

  test("and all of them are told", () => {
    expect(() => load({ port: "x" }, { SMCP_CLIENT_METRICS: "x" })).toThrow(
      failure(
        '--port: expected a whole number from 0 to 65535, found "x"\nSMCP_CLIENT_METRICS: expected true or false, found "x"',
      ),
    );
  });
});

describe("the address that a browser is sent back to", () => {
  test("is on this machine, on ports in order", () => {
    const { oidc } = load({ ...SERVER, "redirect-host": "[::1]", "redirect-port": "8000,18000" }).settings;
    expect(oidc).toMatchObject({ redirectHost: "[::1]", redirectPorts: [8_000, 18_000] });
    expect(load({ ...SERVER, "redirect-host": "::1" }).settings.oidc.redirectHost).toBe("[::1]");
  });

  test.each([
    [
      { "redirect-host": "example.com" },
      '--redirect-host: expected 127.0.0.1, localhost or [::1], found "example.com"',
    ],
    [{ "redirect-port": "80,x" }, '--redirect-port: expected ports from 0 to 65535, found "x"'],
    [{ "redirect-port": "65536" }, '--redirect-port: expected ports from 0 to 65535, found "65536"'],
  ])("%j is refused", (flags, message) => {
    expect(() => load({ ...SERVER, ...flags })).toThrow(failure(message));
  });
});

describe("what is not built yet", () => {
  test.each([
    [{ "agent-key-file": "x", "agent-manifest": "x" }, '"--agent-key-file", "--agent-manifest" are'],
    [{ "agent-manifest": "x" }, '"--agent-manifest" is'],
  ])("%j is refused", (flags, names) => {
    expect(() => load({ ...SERVER, ...flags })).toThrow(failure(`${names} not built yet in this version`));
  });

  test("is refused from a variable too", () => {
    expect(() => load(SERVER, { SMCP_CLIENT_AGENT_MANIFEST: "x" })).toThrow(
      failure('"SMCP_CLIENT_AGENT_MANIFEST" is not built yet in this version'),
    );
  });

  test("but its default may be written out", () => {
    const flags = { tls: "false", dpop: "off", profile: "default", "token-store": "memory", open: "false" };
    expect(() => load({ ...SERVER, ...flags, "oidc-flow": "client-credentials" })).not.toThrow();
  });
});

test.each([
  [{ XDG_STATE_HOME: "/s", HOME: "/h" }, "linux", "/s/smcp"],
  [{ XDG_STATE_HOME: "s", HOME: "/h" }, "linux", "/h/.local/state/smcp"],
  [{ HOME: "/h" }, "darwin", "/h/Library/Application Support/smcp"],
  [{ HOME: "/h", LOCALAPPDATA: "/l" }, "win32", "/l/smcp"],
  [{ HOME: "." }, "linux", join(userInfo().homedir, ".local/state/smcp")],
])("with %j on %s, state is in %s, never in the working directory", (env, platform, folder) => {
  expect(stateFolder(env, platform)).toBe(folder);
});

describe("TLS at the local listener", () => {
  test("has its files beside the working directory", () => {
    const { settings, warnings } = load({ ...SERVER, tls: "true", "tls-cert": "cert.pem", "tls-key": "/k/key.pem" });
    expect(settings.tls).toEqual({ certFile: join(cwd, "cert.pem"), keyFile: "/k/key.pem" });
    expect(warnings).toEqual([]);
  });

  test.each([
    [{}, '"--tls" needs --tls-cert and --tls-key'],
    [{ "tls-cert": "cert.pem" }, '"--tls" needs --tls-key'],
    [{ "tls-key": "key.pem" }, '"--tls" needs --tls-cert'],
  ])("with %j alone names what is missing", (flags, message) => {
    const hint = "name the certificate and its key, in PEM files";
    expect(() => load({ ...SERVER, tls: "true", ...flags })).toThrow(failure(message, hint));
  });

  test("is off without --tls, and a certificate that does nothing is told", () => {
    const { settings, warnings } = load({ ...SERVER, "tls-cert": "cert.pem" }, { SMCP_CLIENT_TLS_KEY: "key.pem" });
    expect(settings).not.toHaveProperty("tls");
    expect(warnings).toEqual([
      '"--tls-cert" does nothing without --tls: the local listener speaks plain http',
      '"SMCP_CLIENT_TLS_KEY" does nothing without --tls: the local listener speaks plain http',
    ]);
  });
});

describe("signing in", () => {
  test("is on as soon as anything about it is given, unless told otherwise", () => {
    expect(load({ ...SERVER, "oidc-client-id": "x" }).settings.authMode).toBe("oidc");
    expect(load(SERVER, { SMCP_OIDC_SCOPES: "a" }).settings.authMode).toBe("oidc");
    expect(load({ ...SERVER, "oidc-client-id": "x", "auth-mode": "none" }).settings.authMode).toBe("none");
  });

  test("takes scopes with commas or spaces", () => {
    expect(load({ ...SERVER, "oidc-scopes": "openid,a  b" }).settings.oidc.scopes).toEqual(["openid", "a", "b"]);
  });

  test("takes the secret from a file, without its line end", () => {
    writeFileSync(join(cwd, "secret"), "hunter2\n");
    const { settings, warnings } = load({ ...SERVER, "oidc-client-secret-file": "secret" });
    expect(settings.oidc.clientSecret?.reveal()).toBe("hunter2");
    expect(JSON.stringify(settings)).not.toContain("hunter2");
    expect(warnings).toEqual([]);
    expect(() => load({ ...SERVER, "oidc-client-secret-file": "secret", "oidc-client-secret": "y" })).toThrow(
      failure('both "oidc-client-secret" and "oidc-client-secret-file" are given'),
    );
  });

  test("warns of a secret on the command line, not of one in the environment", () => {
    expect(load({ ...SERVER, "oidc-client-secret": "-hunter2" }).warnings).toEqual([
      '"--oidc-client-secret" can be read by other users of this machine: use --oidc-client-secret-file',
    ]);
    const { settings, warnings } = load(SERVER, { SMCP_OIDC_CLIENT_SECRET: "hunter2" });
    expect([settings.oidc.clientSecret?.reveal(), warnings]).toEqual(["hunter2", []]);
  });

  test("warns of tokens that would go unencrypted to another machine", () => {
    expect(load({ "server-url": "http://mcp.example.com:8080/x" }).warnings).toEqual([
      'tokens go to "mcp.example.com:8080" without encryption: use an https URL for the server',
    ]);
    expect(load({ "server-url": "http://127.0.0.1:8080" }).warnings).toEqual([]);
  });
});

describe("client.yaml", () => {
  test("is checked like the server's file", () => {
    writeFile("server_url: https://x\nprot: 1\nport: abc\nread_timeout: soon\noidc_client_secret: [hunter2]\n");
    const file = join(cwd, "home/smcp/client.yaml");
    expect(() => load({})).toThrow(
      failure(
        [
          `"${file}" has 4 problems`,
          `  ${file}:2: prot: expected a known key, found "prot" (did you mean "port"?)`,
          `  ${file}:3: port: expected a whole number from 0 to 65535, found "abc"`,
          `  ${file}:4: read_timeout: expected a duration such as 30s, 1h30m or 500ms, found "soon"`,
          `  ${file}:5: oidc_client_secret: expected text on one line, not empty, found a list`,
        ].join("\n"),
        "the keys are the flags of smcp client, with underscores",
      ),
    );
  });

  test("may hold lists, switches and references", () => {
    writeFile(
      "server_url: https://x\nmetrics: false\noidc_scopes: [a, b]\noidc_client_secret: '${S}'\nallow_host: [box]\n",
    );
    const { settings } = load({}, { S: "hunter2" });
    expect(settings).toMatchObject({ metrics: { enabled: false }, oidc: { scopes: ["a", "b"] }, allowHosts: ["box"] });
    expect(settings.oidc.clientSecret?.reveal()).toBe("hunter2");
  });

  test("configs/proxy-client.yml is one", () => {
    const file = new URL("../../../configs/proxy-client.yml", import.meta.url).pathname;
    const { settings } = loadClientSettings({ flags: {}, env: {}, cwd, file });
    expect(settings.serverUrl.href).toBe("http://127.0.0.1:8080/");
  });
});

test("the table of flags has every name and alias once", () => {
  const names = clientFlags.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]));
  expect(new Set(names).size).toBe(names.length);
});
