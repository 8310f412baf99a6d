// `npm run build`: the published form of the program, packages/cli/dist: a few files of plain JavaScript that hold
// everything that smcp needs at run time.
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { rolldown } from "rolldown";

const cli = fileURLToPath(new URL("..", import.meta.url));
await rm(`${cli}dist`, { recursive: true, force: true });

const bundle = await rolldown({
  input: { bin: `${cli}src/bin.ts`, "bin-gateway": `${cli}src/bin-gateway.ts` },
  platform: "node",
  resolve: { conditionNames: ["@smcp/source", "node", "import", "default"] },
  // A package of its own: the demo brings an identity provider and MCP servers along, which a laptop does not want.
  external: ["@smcp/demo"],
});
await bundle.write({
  dir: `${cli}dist`,
  format: "esm",
  chunkFileNames: "[name]-[hash].js",
  minifyInternalExports: false,
});
await bundle.close();
