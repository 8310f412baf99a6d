/** The bare bridge: node:http in front, one child's pipes behind, ids looked up in a map, nothing else. */
import { spawn } from "node:child_process";
import { createServer, type ServerResponse } from "node:http";

const child = spawn(process.execPath, [process.env["ECHO"] ?? ""], { stdio: ["pipe", "pipe", "inherit"] });
process.on("exit", () => child.kill());
process.on("SIGTERM", () => process.exit(0));
const waiting = new Map<string, ServerResponse>();
let rest = "";
let out = "";
child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const id = String((JSON.parse(line) as { id: number }).id);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(line) };
    waiting.get(id)?.writeHead(200, headers).end(line);
    waiting.delete(id);
  }
});
const server = createServer({ noDelay: true }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const text = Buffer.concat(chunks).toString("utf8");
    const { id } = JSON.parse(text) as { id?: number };
    if (id === undefined) response.writeHead(202).end();
    else waiting.set(String(id), response);
    if (out === "") {
      setImmediate(() => {
        child.stdin.write(out);
        out = "";
      });
    }
    out += `${text}\n`;
  });
});
server.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address) process.stdout.write(`${address.port}\n`);
});
