/** The configuration that `smcp init` writes: it starts as it is, and says what comes next. */

/** The text of the file. */
export function starterFile(): string {
  return `${HEAD}\n${REST}`;
}

const HEAD = `# A first configuration of \`smcp server\`. It starts as it is, in the folder where it lies:
#
#   smcp server --config smcp.yaml
#
# Durations are 500ms, 30s or 1h30m; sizes 64KiB or 4MiB. In text, \${env:NAME} is a variable of the environment and
# \${file:/path} a file's content. A change of this file is taken up while the server runs.
#
#   smcp config check                  everything that is wrong with this file, in one run
#   smcp config explain server.port    what a key does, what it is set to, and where that comes from
#   smcp config schema                 JSON Schema for editors
`;

const REST = `listen: "127.0.0.1:8080"

# Nobody is asked who they are. As soon as \`oidc.issuers\` names an identity provider, callers have to sign in; then take
# this line out, or write \`oidc\`.
auth: { mode: none }

# Each server is reached at /mcp/<name>: http://127.0.0.1:8080/mcp/memory, and through \`smcp client\` at
# http://127.0.0.1:8081/mcp/memory.
servers:
  memory:
    command: npx
    args: [-y, "@modelcontextprotocol/server-memory"]
  everything:
    command: npx
    args: [-y, "@modelcontextprotocol/server-everything", stdio]
  # A server that is reached over HTTP:
  # docs:
  #   url: "https://docs.internal.example/mcp"
  #   timeout: 60s

# oidc:
#   issuers: ["https://idp.example.com"]
#   audience: api

metrics: { enabled: true, path: /metrics }
`;
