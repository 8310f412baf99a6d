import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Backend } from "@smcp/config";
import { load } from "./loading.ts";

const PROXY = `
server: { host: "0.0.0.0", port: 8080, read_timeout: 30s, write_timeout: 30s, shutdown_timeout: 10s }
auth: { mode: none }                      # none | oidc
mcp:
  timeout: 60s
  backends:
    - id: memory                          # default: backend-<name>
      name: Memory
      transport: stdio                    # http | stdio
      path: /v1/memory
      strip_path: true
      timeout: 60s                        # default mcp.timeout
      model: ""
      max_tokens: 0
      stdio: { command: npx, args: [-y, "@modelcontextprotocol/server-memory"], env: {}, working_dir: ".", stdio_timeout: 60s }
    - { id: docs, name: Docs, transport: http, path: /v1/docs, url: "http://docs.internal/mcp" }
  endpoints: []                           # deprecated list of URLs; warned about
oidc:
  issuers: ["https://idp.example.com"]
  audience: api
  required_claims: {}
  optional_claims: {}
tls: { enabled: false, cert_file: "", key_file: "" }
metrics: { enabled: true, path: /metrics }
`;

const GATEWAY = `
listen: ":8080"                           # or server.host and server.port, not both
servers:                                  # each is a backend at /mcp/<name>, strip_path: true; takes every backend key
  slack:
    url: "https://mcp.slack.com/sse"      # an /sse URL is the 2024-11-05 transport
    credential_mode: gateway              # gateway | passthrough | optional
    credentials: { headers: { Authorization: "Bearer \${SLACK_BOT_TOKEN}" } }
  github: { url: "https://api.githubcopilot.com/mcp", credential_mode: passthrough }
  files: { command: npx, args: [-y, "@modelcontextprotocol/server-filesystem", /srv], env: {}, working_dir: "." }
api_keys:
  - { name: alice, key: "\${ALICE_KEY}", role: eng, expires_at: 2027-01-31 }
agents:
  - { name: ci, key: "\${CI_AGENT_KEY}", owner: alice, role: eng, code_hash: "sha256:…", max_delegation_depth: 2 }
roles:
  eng:    { allow: ["slack:*", "github:*"] }
  intern: { allow: ["slack:read_*"], deny: ["github:push_*"] }
`;

const EVERYTHING_ELSE = `
server: { public_url: "https://mcp.example.com", trusted_proxies: ["10.0.0.0/8"], max_body: 4MiB, max_streams: 1000, allowed_origins: [], allowed_hosts: [], session_key: "\${env:K}" }
oidc:
  issuers:                                # an entry may be an object
    - { issuer: "https://idp.example.com", audience: [api], algorithms: [RS256, ES256], jwks_uri: "", token_typ: compat,
        groups_claim: groups, required_claims: {}, allowed_clients: [], introspection: { client_id: x, client_secret: "\${env:S}" } }
sso: { issuer: "https://idp.example.com", client_id: smcp, client_secret: "\${env:SSO_SECRET}", scopes: [openid, groups], session_ttl: 8h }
client: { client_id: smcp-laptop, flows: [browser, device] }   # what the metadata tells \`smcp client\`
groups: { "platform-engineers": [eng] }   # identity provider's group -> roles
default_roles: []                         # for a caller whom nothing else maps
roles:
  eng:
    allow:
      - "slack:*"
      - { tools: ["github:*"], when: 'args.repo.startsWith("acme/")' }   # CEL; an error in it denies
    deny: ["*:delete_*"]
    resources: ["docs:*"]                 # URIs and prompt names of a server
    methods: ["docs:tasks/*"]             # other methods
policies:                                 # rule-list form; same engine, same rule: any deny wins
  - { id: read-only, roles: [reader], rules: [ { server: "*", tool: "get_*", action: allow, conditions: [ { param: customer_id, operator: eq, value: "\${caller.claims.customer}" } ] } ] }
rate_limits:
  - { name: per-caller, match: { server: "*", tool: "*" }, per: [caller], limit: 60, window: 1m, burst: 10 }
ip_filter: { allow: [], deny: [] }
identity_forwarding: { mode: headers }    # off | headers | jwt
audit: { enabled: true, storage: sqlite, path: ./smcp-data, arguments: hash, responses: none, durability: normal, checkpoint: { interval: 1s, key_file: key.pem } }
metering: { enabled: true, prices: { "github:*": 0.001 } }
storage: { postgres_url: "", redis_url: "" }    # empty = embedded
telemetry: { otlp_endpoint: "" }
`;

const KEYS = { SLACK_BOT_TOKEN: "xoxb-1", ALICE_KEY: "alice-0123456789", CI_AGENT_KEY: "agent-0123456789" };
const MORE = { K: "0123456789abcdef", S: "introspect", SSO_SECRET: "sso" };

describe("smcp-proxy's file", () => {
  const { settings, unbuilt } = load(PROXY);

  test("gives its listener, mode and metrics", () => {
    expect(settings.server).toMatchObject({
      host: "0.0.0.0",
      port: 8080,
      readTimeout: 30_000,
      shutdownTimeout: 10_000,
    });
    expect(settings.server).toMatchObject({ maxBody: 4_194_304, maxStreams: 1000 });
    expect(settings.auth.mode).toBe("none");
    expect(settings.metrics).toEqual({ enabled: true, path: "/metrics" });
    expect(unbuilt).toEqual([]);
  });

  test("gives its backends in full", () => {
    expect(settings.backends).toEqual<Backend[]>([
      {
        kind: "stdio",
        id: "memory",
        name: "Memory",
        path: "/v1/memory",
        stripPath: true,
        timeout: 60_000,
        model: "",
        maxTokens: 0,
        command: "npx",
        args: ["-y", "@modelcontextprotocol/server-memory"],
        env: new Map(),
        workingDir: "/srv/smcp",
        stdioTimeout: 60_000,
        idleTtl: 1_800_000,
        maxChildren: 64,
        era: "auto",
        isolation: "principal",
      },
      {
        kind: "http",
        id: "docs",
        name: "Docs",
        path: "/v1/docs",
        stripPath: false,
        timeout: 60_000,
        model: "",
        maxTokens: 0,
        url: new URL("http://docs.internal/mcp"),
        sse: false,
        forwardHeaders: [],
      },
    ]);
  });

  test("gives its issuer with every default", () => {
    expect(settings.issuers).toEqual([
      {
        issuer: "https://idp.example.com",
        audiences: ["api"],
        algorithms: ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"],
        tokenTyp: "compat",
        groupsClaim: "groups",
        allowedClients: [],
        requiredClaims: new Map(),
        optionalClaims: new Map(),
      },
    ]);
  });

  test("warns that nobody is asked, and that credentials are ignored", () => {
    expect(settings.warnings).toEqual([
      "auth.mode is none: everybody who can reach this address may use every backend",
      "auth.mode is none: credentials that callers present are ignored",
    ]);
  });

  test("is frozen all the way down", () => {
    expect(Object.isFrozen(settings)).toBe(true);
    expect(Object.isFrozen(settings.server.trustedProxies)).toBe(true);
    expect(Object.isFrozen(settings.backends[0])).toBe(true);
  });
});

describe("SMCP Gateway's file", () => {
  const { settings, unbuilt, callers } = load(GATEWAY, KEYS);

  test("gives each server at /mcp/<name>, with its path left out upstream", () => {
    const seen = settings.backends.map((one) => [one.id, one.kind, one.path, one.stripPath]);
    expect(seen).toEqual([
      ["slack", "http", "/mcp/slack", true],
      ["github", "http", "/mcp/github", true],
      ["files", "stdio", "/mcp/files", true],
    ]);
    expect(settings.backends.map((one) => one.kind === "http" && one.sse)).toEqual([true, false, false]);
  });

  test("requires authentication, as keys are configured, on every address", () => {
    expect(settings.auth.mode).toBe("oidc");
    expect(settings.server).toMatchObject({ host: "0.0.0.0", port: 8080 });
    expect(callers).toEqual({ keys: ["alice"], agents: ["ci"], roles: ["eng", "intern"] });
  });

  test("tells what is not built yet, with lines", () => {
    expect(unbuilt).toEqual([
      { key: "servers.slack.credentials", line: 7 },
      { key: "servers.github.credential_mode", line: 8 },
      { key: "api_keys", line: 10 },
      { key: "agents", line: 12 },
      { key: "roles", line: 14 },
    ]);
  });
});

test("everything else is read, and what is not built yet is told", () => {
  const { settings, unbuilt } = load(EVERYTHING_ELSE, { ...KEYS, ...MORE });
  expect(settings.server).toMatchObject({ publicUrl: "https://mcp.example.com", trustedProxies: ["10.0.0.0/8"] });
  expect(settings.server.sessionKey?.reveal()).toBe("0123456789abcdef");
  expect(settings.client).toEqual({ clientId: "smcp-laptop", flows: ["browser", "device"] });
  expect(settings.issuers[0]).toMatchObject({ audiences: ["api"], algorithms: ["RS256", "ES256"] });
  expect(unbuilt.map((one) => one.key)).toEqual([
    "oidc.issuers[0].introspection",
    "sso",
    "groups",
    "roles",
    "policies",
    "rate_limits",
    "audit",
    "metering",
  ]);
});

test("the shapes may stand in one file, and in JSON", () => {
  const file = {
    listen: "127.0.0.1:0",
    servers: { a: { url: "http://a/mcp" } },
    mcp: { backends: [{ id: "b", path: "v1/b/", url: "http://b" }] },
  };
  const { settings } = load(`${JSON.stringify(file, undefined, "\t")}\n`, {}, "smcp.json");
  expect(settings.backends.map((one) => [one.id, one.path])).toEqual([
    ["b", "/v1/b"],
    ["a", "/mcp/a"],
  ]);
});

test.each(["smcp.yaml", "proxy-server.yml"])("configs/%s starts as it is", (name) => {
  const { settings, unbuilt } = load(readFileSync(new URL(`../../../configs/${name}`, import.meta.url), "utf8"));
  expect(settings.server).toMatchObject({ host: "127.0.0.1", port: 8080 });
  expect(settings.backends.map((one) => one.id)).toEqual(["memory", "everything"]);
  expect(unbuilt).toEqual([]);
});
