import { defineConfig } from "oxlint";

/** Which package may import what: the one table behind the linter's rule and the test of the manifests. */
export const layers: Readonly<Record<string, readonly string[]>> = {
  core: [],
  edge: ["@smcp/core", "node:*"],
  config: ["@smcp/core", "cosmiconfig", "yaml", "zod", "node:fs", "node:path", "node:os"],
  server: ["@smcp/core", "@smcp/config", "@smcp/edge", "hono", "@hono/node-server", "jose", "prom-client", "node:*"],
  client: ["@smcp/core", "@smcp/config", "@smcp/edge", "openid-client", "uqr", "node:*"],
  cli: [
    "@smcp/core",
    "@smcp/config",
    "@smcp/edge",
    "@smcp/server",
    "@smcp/client",
    "@smcp/demo",
    "yargs",
    "pino",
    "pino-pretty",
    "node:*",
  ],
  demo: ["@smcp/core", "@smcp/edge", "@modelcontextprotocol/sdk", "oidc-provider", "node:*"],
  testing: [
    "@smcp/core",
    "@smcp/config",
    "@smcp/demo",
    "@smcp/edge",
    "@smcp/server",
    "@smcp/client",
    "jose",
    "undici",
    "node:*",
  ],
};

type Rules = Record<string, ["error", { patterns: { group: string[]; message: string }[] }]>;

// All patterns stand in one group, last match wins: a later group would switch the exceptions off.
const restrict = (name: string, forbidden: readonly string[] = []): Rules => ({
  "eslint/no-restricted-imports": [
    "error",
    {
      patterns: [
        {
          group: [
            "*",
            "!./**",
            "!../**",
            ...(layers[name] ?? []).flatMap((one) => [`!${one}`, `!${one}/**`]),
            "**/src/**",
            "**/test/**",
            ...forbidden,
          ],
          message: `not allowed in packages/${name}: see the layer table in oxlint.config.ts`,
        },
      ],
    },
  ],
});

export default defineConfig({
  options: { typeAware: true, denyWarnings: true },
  plugins: ["typescript", "import", "unicorn", "promise", "oxc", "node"],
  categories: { correctness: "error", suspicious: "error", perf: "error" },
  rules: {
    "typescript/no-unsafe-type-assertion": "off",
    "typescript/switch-exhaustiveness-check": "error",
    "typescript/no-explicit-any": "error",
    "typescript/consistent-type-imports": "error",
    "typescript/no-floating-promises": "error",
    "import/no-cycle": "error",
    "import/no-default-export": "error",
    "import/no-unassigned-import": "off",
    "unicorn/filename-case": ["error", { case: "kebabCase" }],
    "unicorn/prefer-node-protocol": "error",
    "eslint/no-await-in-loop": "off",
    "eslint/no-console": "error",
    "eslint/eqeqeq": "error",
    "eslint/no-underscore-dangle": "off",
    "eslint/no-shadow": "off",
    "eslint/max-lines": ["error", { max: 400 }],
    "eslint/max-lines-per-function": ["error", { max: 60, skipComments: true, skipBlankLines: true }],
    "eslint/complexity": ["error", { max: 12 }],
    "eslint/max-params": ["error", { max: 4 }],
    "node/no-process-env": "error",
  },
  overrides: [
    ...Object.keys(layers).map((name) => ({ files: [`packages/${name}/src/**`], rules: restrict(name) })),
    {
      files: ["packages/server/src/stages/**"],
      rules: restrict("server", ["**/adapters/**", "**/compose.ts", "**/http/**"]),
    },
    {
      files: ["packages/*/test/**", "packages/testing/**", "packages/*/dev/**"],
      rules: {
        "eslint/max-lines-per-function": "off",
        "eslint/max-params": "off",
        "eslint/no-console": "off",
        "node/no-process-env": "off",
      },
    },
    { files: ["*.config.ts"], rules: { "import/no-default-export": "off" } },
  ],
});
