// What makes a package of the bundle: a manifest without dependencies, as the bundle holds them, an optional one, a README and the
// licence. `pnpm --filter smcp pack` packs this folder (publishConfig.directory).
import { chmod, copyFile, readFile, writeFile } from "node:fs/promises";

import { cli, root } from "./build-bundle.js";

/** @param {string} dist the folder of the bundle */
export async function writePackage(dist) {
  const { name, version, description, license, engines } = JSON.parse(await readFile(`${cli}package.json`, "utf8"));
  const manifest = {
    name,
    version,
    description,
    keywords: ["mcp", "model-context-protocol", "oidc", "proxy", "gateway"],
    license,
    bin: { smcp: "bin.js", "smcp-gateway": "bin-gateway.js", "smcp-proxy": "bin.js" },
    files: ["*.js", "THIRD-PARTY.txt"],
    type: "module",
    engines,
    // Native, so it cannot be bundled; without it, sign-ins are kept in files that only their user can read.
    peerDependencies: { "@napi-rs/keyring": "^2.1.2" },
    peerDependenciesMeta: { "@napi-rs/keyring": { optional: true } },
  };
  await writeFile(`${dist}/package.json`, `${JSON.stringify(manifest, undefined, 2)}\n`);
  await writeFile(`${dist}/README.md`, README);
  await copyFile(`${root}LICENSE`, `${dist}/LICENSE`);
  for (const one of new Set(Object.values(manifest.bin))) await chmod(`${dist}/${one}`, 0o755);
}

const README = `# smcp

AI apps speak MCP, the Model Context Protocol, to tool servers. smcp puts sign-in, policy and a record between them
without changing either: \`smcp client\` runs on the laptop, \`smcp server\` in front of the MCP servers.

\`\`\`sh
npm install --global smcp        # Node.js 24 or newer
\`\`\`

The server, with a file that names the MCP servers (\`smcp.yaml\`):

\`\`\`yaml
listen: "127.0.0.1:8080"
auth: { mode: none }             # or oidc, with the issuers whose tokens are accepted
servers:
  memory: { command: npx, args: [-y, "@modelcontextprotocol/server-memory"] }
\`\`\`

\`\`\`sh
smcp server --config smcp.yaml --check
smcp server --config smcp.yaml
\`\`\`

The client, beside the apps, which then use \`http://127.0.0.1:8081/mcp/memory\` and sign in nowhere:

\`\`\`sh
smcp client --server-url http://127.0.0.1:8080
\`\`\`

Tokens of a sign-in are kept in files that only their user can read. With \`npm install --global @napi-rs/keyring\`
beside it they are sealed by the operating system's keyring, too.

\`smcp --help\` lists the commands, \`--help\` after any of them its flags. smcp-proxy's and SMCP Gateway's files work
unchanged; their programs' names, \`smcp-proxy\` and \`smcp-gateway\`, are installed too.

Licence: Apache 2.0. What is bundled is named, with its licences, in THIRD-PARTY.txt.
`;
