// `npm run build`: the published form of the program, packages/cli/dist or the folder that is named: a few files of plain
// JavaScript that hold everything that smcp needs at run time, and what a package needs besides.
import { rm } from "node:fs/promises";
import { resolve } from "node:path";

import { rolldown } from "rolldown";

import { bundling, cli } from "./build-bundle.js";
import { writeLicences } from "./build-licences.js";
import { writePackage } from "./build-package.js";

const dist = resolve(process.argv[2] ?? `${cli}dist`);
await rm(dist, { recursive: true, force: true });

const bundle = await rolldown({
  ...bundling,
  input: { bin: `${cli}src/bin.ts`, "bin-gateway": `${cli}src/bin-gateway.ts` },
  // A package of its own: the demo brings an identity provider and MCP servers along, which a laptop does not want.
  external: ["@smcp/demo"],
});
const { output } = await bundle.write({
  dir: dist,
  format: "esm",
  chunkFileNames: "[name]-[hash].js",
  minifyInternalExports: false,
});
await bundle.close();
const bundled = output.flatMap((one) => (one.type === "chunk" ? one.moduleIds : []));
await writeLicences(`${dist}/THIRD-PARTY.txt`, bundled);
await writePackage(dist);
