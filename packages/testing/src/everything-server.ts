/** npm's reference server over HTTP, as a child of the test: a real backend of both HTTP transports of the legacy era. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";

export interface EverythingServer extends AsyncDisposable {
  /** Where it listens; its transports are at `/sse` and `/mcp`. */
  readonly url: string;
}

// It listens on all addresses, and says the port that it was told, not the one that it got.
const ON_LOOPBACK = `
import net from "node:net";
const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (_, ...rest) {
  this.once("listening", () => console.error("listening on port", this.address().port));
  return listen.call(this, { port: 0, host: "127.0.0.1" }, ...rest.filter((one) => typeof one === "function"));
};
`;

/** Starts it on a free port of loopback. */
export async function everythingServer(transport: "sse" | "streamableHttp"): Promise<EverythingServer> {
  const file = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js");
  const loopback = `data:text/javascript,${encodeURIComponent(ON_LOOPBACK)}`;
  const child = spawn(process.execPath, ["--import", loopback, file, transport], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env["PATH"] ?? "" },
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const port = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4_096);
      const found = /listening on port (\d+)/.exec(said)?.[1];
      if (found) resolve(found);
    });
    void ended.then(() => reject(new Error(`it ended before it listened: ${said}`)));
  });
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
