/** The reference MCP servers of npm, which are dependencies of this package: how each is started. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, dirname } from "node:path";

export type ReferenceServer = "everything" | "filesystem" | "memory";

/** The file that runs a reference server when given to Node.js. */
export function referenceServerFile(name: ReferenceServer): string {
  const manifest = createRequire(import.meta.url).resolve(`@modelcontextprotocol/server-${name}/package.json`);
  const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin: Record<string, string> };
  const file = bin[`mcp-server-${name}`];
  if (file === undefined) throw new TypeError(`"${manifest}" names no program`);
  return join(dirname(manifest), file);
}

// server-everything listens on all addresses and has no option for it.
const ON_LOOPBACK = `
import net from "node:net";
const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, { port: Number(port), host: "127.0.0.1" }, ...rest.filter((one) => typeof one === "function"));
};
`;

/**
 * Arguments for Node.js that make the program after them listen on 127.0.0.1 only, where it calls `listen(port)`. The
 * module is in the argument itself, so that it is found in every published form.
 */
export const listenOnLoopback: readonly string[] = [
  "--import",
  `data:text/javascript,${encodeURIComponent(ON_LOOPBACK)}`,
];
