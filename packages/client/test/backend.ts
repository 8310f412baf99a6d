/** A server that records what reaches it and answers as a test says. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Recorded {
  readonly method: string;
  readonly url: string;
  /** Lower-case names, joined values. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Answer = (request: Recorded, response: ServerResponse, incoming: IncomingMessage) => void;

export interface Backend extends AsyncDisposable {
  /** Origin, without a slash at its end. */
  readonly url: string;
  readonly host: string;
  /** Every request so far. */
  readonly seen: Recorded[];
  answer: Answer;
}

export async function startBackend(answer: Answer = echo, port = 0): Promise<Backend> {
  const backend = { seen: [] as Recorded[], answer };
  const server = createServer((incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    incoming.on("end", () => {
      const headers: Record<string, string> = {};
      for (const [name, value] of Object.entries(incoming.headers)) headers[name] = String(value);
      const recorded = {
        method: incoming.method ?? "",
        url: incoming.url ?? "",
        headers,
        body: Buffer.concat(parts).toString(),
      };
      backend.seen.push(recorded);
      backend.answer(recorded, response, incoming);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(port, "127.0.0.1", resolve);
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(backend, {
    url: `http://${host}`,
    host,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      server.closeAllConnections();
      await closed;
    },
  });
}

/** Answers with the request's own body. */
const echo: Answer = ({ body }, response) => {
  response.writeHead(200, { "content-type": "application/json" }).end(body);
};

/** Answers with JSON. */
export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return (_, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
  };
}
