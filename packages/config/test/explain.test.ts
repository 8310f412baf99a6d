import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { explain } from "@smcp/config";

const cwd = mkdtempSync(join(tmpdir(), "smcp-explain-"));
afterAll(() => rmSync(cwd, { recursive: true }));
writeFileSync(
  join(cwd, "smcp.yaml"),
  `listen: "127.0.0.1:9090"
server:
  read_timeout: 90
  session_key: hunter2-session-key
  trusted_proxies: ["10.0.0.0/8", "\${env:PROXY}"]
servers:
  github:
    url: "https://api.example.com/mcp?key=hunter2"
    credentials: { headers: { Authorization: "Bearer \${GITHUB}" , X-Key: "\${env:GITHUB}" } }
  files: { command: npx, args: [-y, server], env: { TOKEN: hunter2 } }
mcp:
  backends:
    - { id: "odd one", path: /odd, url: "\${env:ODD}" }
storage: { postgres_url: "postgres://me:hunter2@db/smcp" }
`,
);
const env = {
  XDG_CONFIG_HOME: "/nowhere",
  PROXY: "::1",
  GITHUB: "hunter2",
  ODD: "http://hunter2.internal/",
  SMCP_PROXY_METRICS_PATH: "/m",
  SMCP_PROXY_STORAGE_REDIS_URL: "redis://:hunter2@cache/0",
  SMCP_PROXY_SERVERS_FILES_ENV_TOKEN: "${hunter2}",
};
const of = (key?: string, more = {}) => explain({ env, cwd, ...more }, key);

describe("a key is explained", () => {
  test("with its words, its value and where that stands", () => {
    expect(of("server.read_timeout")).toEqual({
      self: {
        key: "server.read_timeout",
        description: "how long a request may take to arrive",
        type: "a duration such as 30s, 1h30m or 500ms, longer than nothing",
        fallback: "30s",
        value: "90",
        from: "smcp.yaml:3",
        variable: "SMCP_PROXY_SERVER_READ_TIMEOUT",
      },
      below: [],
    });
  });

  test.each([
    ["metrics.path", "/m", "SMCP_PROXY_METRICS_PATH"],
    ["metrics.enabled", undefined, "default"],
    ["server.port", "9090", "smcp.yaml:1"],
    ["server.host", "127.0.0.1", "smcp.yaml:1"],
    ["servers.files.args", '["-y", server]', "smcp.yaml:10"],
    ["servers.files.env", undefined, "smcp.yaml:10"],
    ["servers.github.url", '"https://api.example.com/mcp?[not shown]"', "smcp.yaml:8"],
    ['servers["github"].timeout', undefined, "default"],
    ["mcp.backends[0].id", '"odd one"', "smcp.yaml:13"],
    ["mcp.backends.0.path", "/odd", "smcp.yaml:13"],
    ["roles", undefined, "default"],
  ])("%s", (key, value, from) => {
    const { self } = of(key);
    expect({ value: key.endsWith(".env") ? undefined : self?.value, from: self?.from }).toEqual({ value, from });
  });

  test("from a flag before everything else", () => {
    const { self } = of("auth.mode", { flags: { authMode: "none" } });
    expect(self).toMatchObject({ value: "none", from: "--auth-mode" });
  });

  test("without any file", () => {
    expect(explain({ env: {}, cwd: "/nowhere" }, "server.port").self).toMatchObject({
      fallback: "8080",
      from: "default",
    });
  });

  test("in a file that is wrong", () => {
    writeFileSync(join(cwd, "wrong.yaml"), "server: { port: high, prot: 1 }");
    expect(of("server.port", { path: "wrong.yaml" }).self).toMatchObject({ value: "high", from: "wrong.yaml:1" });
  });
});

describe("a secret", () => {
  test.each([
    ["server.session_key", "[secret]", "smcp.yaml:4"],
    ["storage.postgres_url", "[secret]", "smcp.yaml:14"],
    ["storage.redis_url", "[secret]", "SMCP_PROXY_STORAGE_REDIS_URL"],
    ["servers.github.credentials.headers.Authorization", "[secret]", "smcp.yaml:9"],
    ["servers.github.credentials.headers.X-Key", "${env:GITHUB}", "smcp.yaml:9"],
    ["servers.files.env.TOKEN", "[secret]", "SMCP_PROXY_SERVERS_FILES_ENV_TOKEN"],
  ])("%s is %s", (key, value, from) => {
    expect(of(key).self).toMatchObject({ value, from });
  });

  test("and what a reference stands for is shown nowhere", () => {
    expect(JSON.stringify(of())).not.toContain("hunter2");
    expect(of("mcp.backends[0].url").self?.value).toBe('"${env:ODD}"');
    expect(of("server.trusted_proxies").self?.value).toBe('["10.0.0.0/8", "${env:PROXY}"]');
  });
});

describe("a section is explained", () => {
  test("by the keys below it", () => {
    const { self, below } = of("metrics");
    expect(self).toMatchObject({ key: "metrics", description: "metrics for Prometheus", from: "default" });
    expect(below.map((one) => one.key)).toEqual(["metrics.enabled", "metrics.path", "metrics.listen"]);
  });

  test("the whole file by every key, in the schema's order", () => {
    const keys = of().below.map((one) => one.key);
    expect(keys.slice(0, 3)).toEqual(["listen", "server.host", "server.port"]);
    expect(keys).toContain("mcp.backends[0].url");
    expect(keys).toContain("servers.files.env.TOKEN");
    expect(keys.at(-1)).toBe("metrics.listen");
  });
});

describe("a key that does not exist", () => {
  test.each([
    ["server.prot", 'the key "server.prot" is not known', 'did you mean "server.port"?'],
    ["serve", 'the key "serve" is not known', 'did you mean "server"?'],
    ["zzzz.a", 'the key "zzzz" is not known', /^one of listen, server, /],
    ["server.port.x", 'the key "server.port.x" is not known', '"server.port" has no keys below it'],
    ["a[", '"a[" is not the name of a key', "write it as server.port or mcp.backends[0].id"],
    ['servers["a', '"servers["a" is not the name of a key', "write it as server.port or mcp.backends[0].id"],
    ["server.__proto__", 'the key "server.__proto__" is not known', /^one of host, /],
  ])("%s", (key, message, hint) => {
    const expected = { message, hint: typeof hint === "string" ? hint : expect.stringMatching(hint), exitCode: 2 };
    expect(() => of(key)).toThrow(expect.objectContaining(expected));
  });
});
