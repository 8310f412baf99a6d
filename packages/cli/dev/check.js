// Second half of `npm test`: every check in the order of what fails fastest, then the tests. Arguments go to the tests
// (`npm test -- -t "a name"`), and skip the checks before them.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const bin = (/** @type {string} */ name) => `${root}node_modules/.bin/${name}`;
const wanted = process.argv.slice(2);

/** @type {[title: string, command: string, ...args: string[]][]} */
const checks = [
  ["format", "oxfmt", "--check"],
  ["lint and layers", "oxlint"],
  ["types", "tsc"],
  ["unused code", "knip"],
];

for (const [title, command, ...args] of wanted.length > 0 ? [] : checks) {
  const began = Date.now();
  const ran = spawnSync(bin(command), args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 });
  if (ran.status !== 0) {
    process.stdout.write(`${ran.stdout ?? ""}${ran.stderr ?? ""}`);
    process.stderr.write(
      `smcp: the check "${title}" failed\n  hint: node_modules/.bin/${[command, ...args].join(" ")}\n`,
    );
    process.exit(1);
  }
  process.stdout.write(`ok ${title} (${((Date.now() - began) / 1000).toFixed(1)} s)\n`);
}

const report = process.env["SMCP_TEST_REPORT"];
const reporters = report ? ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`] : [];
// Hundreds of real processes share the cores of a small machine there: one second try, and the log names who needed it.
const tries = process.env["CI"] ? ["--retry=1"] : [];
const tests = spawnSync(bin("vitest"), ["run", ...tries, ...reporters, ...wanted], { cwd: root, stdio: "inherit" });
process.exit(tests.status ?? 1);
