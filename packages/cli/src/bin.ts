#!/usr/bin/env node
// The program. No static import: on an old Node.js one would end in a stack trace instead of the sentence below.
const NEEDED = 24;

if (Number(process.versions.node.split(".")[0]) < NEEDED) {
  process.stderr.write(
    `smcp: Node.js ${process.versions.node} is too old\nhint: install Node.js ${NEEDED} or newer, then run the command again\n`,
  );
  process.exit(2);
} else {
  const { main } = await import("./main.ts");
  process.exit(await main(process.argv.slice(2)));
}
