#!/usr/bin/env node
// The program. No static import: on an old Node.js one would end in a stack trace instead of the sentence below.
const NEEDED = 24;

if (Number(process.versions.node.split(".")[0]) < NEEDED) {
  process.stderr.write(
    `smcp: Node.js ${process.versions.node} is too old\nhint: install Node.js ${NEEDED} or newer, then run the command again\n`,
  );
  process.exit(2);
} else {
  // Half of a start is compiling. Only a folder of the user's own: what lies in it is run.
  // eslint-disable-next-line node/no-process-env -- nothing else is loaded yet that could hand it in
  const { HOME, XDG_CACHE_HOME } = process.env;
  const cache = XDG_CACHE_HOME?.startsWith("/") === true ? XDG_CACHE_HOME : HOME && `${HOME}/.cache`;
  const { enableCompileCache } = await import("node:module");
  if (cache?.startsWith("/") === true) enableCompileCache(`${cache}/smcp`);

  const { main } = await import("./main.ts");
  process.exit(await main(process.argv.slice(2)));
}
