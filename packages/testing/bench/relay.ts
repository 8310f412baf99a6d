/** The bare relay: node:http in front, undici's dispatch behind, nothing else. What the two libraries allow by themselves. */
import { createServer, type ServerResponse } from "node:http";

import { Pool, type Dispatcher } from "undici";

const pool = new Pool(process.env["UPSTREAM"] ?? "", {
  connections: null,
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
});
const DROPPED = new Set(["connection", "keep-alive", "transfer-encoding", "host", "authorization", "content-length"]);

class Handler implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#response.on("close", () => {
      if (!this.#response.writableFinished) controller.abort(new Error("left"));
    });
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    const out: string[] = [];
    for (const name in headers)
      if (name === "content-length" || !DROPPED.has(name)) out.push(name, String(headers[name]));
    this.#response.writeHead(status, out);
    // Else a stream that is silent at first would look like no answer at all.
    if (headers["content-length"] === undefined) this.#response.flushHeaders();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#response.write(chunk)) return;
    controller.pause();
    this.#response.once("drain", () => controller.resume());
  }

  onResponseEnd(): void {
    this.#response.end();
  }

  onResponseError(): void {
    this.#response.destroy();
  }
}

const server = createServer({ noDelay: true }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const headers: string[] = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      const name = request.rawHeaders[i] as string;
      if (!DROPPED.has(name.toLowerCase())) headers.push(name, request.rawHeaders[i + 1] as string);
    }
    const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    const method = request.method as "GET" | "POST";
    pool.dispatch({ path: "/mcp", method, headers, body: method === "GET" ? null : body }, new Handler(response));
  });
});
server.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address) process.stdout.write(`${address.port}\n`);
});
