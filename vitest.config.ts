import { defineConfig } from "vitest/config";

const packages = ["core", "edge", "config", "server", "client", "cli", "demo", "testing"];

export default defineConfig({
  ssr: { resolve: { conditions: ["@smcp/source", "module", "node", "development|production"] } },
  test: {
    projects: packages.map((name) => ({
      extends: true as const,
      test: {
        name,
        include: [`packages/${name}/test/**/*.test.ts`],
        testTimeout: 20_000,
        hookTimeout: 30_000,
      },
    })),
    // Two cores: more files at once only makes the ones with real servers slower.
    maxWorkers: 2,
  },
});
