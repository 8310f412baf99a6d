// First half of `npm start` and `npm test`: brings pnpm, the Node.js that the project is developed on and all
// dependencies from the registry, so that any Node.js from 20 on is enough to begin with. Plain JavaScript for that reason.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const PNPM = "pnpm@12.21.0";

const root = fileURLToPath(new URL("../../..", import.meta.url));
if (Number(process.versions.node.split(".")[0]) < 20) {
  fail(
    `Node.js ${process.versions.node} is too old to set smcp up`,
    "install Node.js 20 or newer, then run the command again",
  );
}

// Without the offline-first order a second start would ask the registry for nothing new.
const install = ["-y", PNPM, "install", "--frozen-lockfile", "--prefer-offline"];
if (process.env["SMCP_VERIFY_LOCKFILE"] !== "1") install.push("--trust-lockfile");
const done = spawnSync("npx", install, { cwd: root, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
if (done.status !== 0) {
  process.stderr.write(`${done.stdout ?? ""}${done.stderr ?? ""}`);
  fail(
    "the dependencies could not be installed",
    "the lines above are pnpm's; is the npm registry reachable (npm ping)?",
  );
}

/**
 * @param {string} message what went wrong, in one sentence
 * @param {string} hint what to do next
 * @returns {never}
 */
function fail(message, hint) {
  process.stderr.write(`smcp: ${message}\n  hint: ${hint}\n`);
  process.exit(1);
}
