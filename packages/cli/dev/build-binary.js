// `npm run build:binary`: smcp and its Node.js as one executable, packages/cli/dist/binary/smcp or the file that is named.
// Linked or copied under the name smcp-gateway it is that program.
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { rolldown } from "rolldown";

import { bundling, cli } from "./build-bundle.js";
import { writeLicences } from "./build-licences.js";

const executable = resolve(process.argv[2] ?? `${cli}dist/binary/smcp`);

/** @type {import("rolldown").Plugin} */
const entry = {
  name: "entry",
  resolveId: { filter: { id: /^(entry|@smcp\/demo)$/ }, handler: (id) => `\0${id}` },
  load: {
    filter: { id: /^\0(entry|@smcp\/demo)$/ },
    handler: (id) =>
      id === "\0entry"
        ? `if (/(^|[/])smcp-gateway$/.test(process.argv0)) process.argv.splice(2, 0, "server");
           await import(${JSON.stringify(`${cli}src/bin.ts`)});`
        : // What an import of a package that is not installed does.
          `throw Object.assign(new Error("Cannot find package '@smcp/demo'"), { code: "ERR_MODULE_NOT_FOUND" });`,
  },
};

const scratch = await mkdtemp(join(tmpdir(), "smcp-binary-"));
try {
  const bundle = await rolldown({ ...bundling, input: "entry", plugins: [entry, ...bundling.plugins] });
  const main = join(scratch, "smcp.mjs");
  const { output } = await bundle.write({ file: main, format: "esm", codeSplitting: false });
  await bundle.close();
  await mkdir(dirname(executable), { recursive: true });
  const settings = {
    main,
    mainFormat: "module",
    output: executable,
    useCodeCache: true,
    disableExperimentalSEAWarning: true,
    // Else NODE_OPTIONS would load code into it.
    execArgvExtension: "none",
  };
  const file = join(scratch, "sea.json");
  await writeFile(file, JSON.stringify(settings));
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--build-sea", file], { encoding: "utf8" });
  if (status !== 0) throw new Error(`node --build-sea failed:\n${stdout}${stderr}`);
  const bundled = output.flatMap((one) => (one.type === "chunk" ? one.moduleIds : []));
  await writeLicences(`${dirname(executable)}/THIRD-PARTY.txt`, bundled);
  process.stdout.write(`${executable}\n`);
} finally {
  await rm(scratch, { recursive: true });
}
