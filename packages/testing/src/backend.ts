/** An HTTP backend that remembers everything that reached it: how a test proves that nothing did. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";

/** One request as it arrived. */
export interface Seen {
  readonly method: string;
  /** Raw target with its query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface RecordingBackend extends AsyncDisposable {
  readonly url: string;
  readonly seen: Seen[];
  /** Requests whose caller left before the answer was whole. */
  readonly aborted: Seen[];
  /** Settles when the next request (or the one that is there already) was aborted. */
  nextAbort(): Promise<Seen>;
}

/** Answers one request; what it throws fails the test run. */
export type Answer = (seen: Seen, response: ServerResponse, request: IncomingMessage) => void | Promise<void>;

/** A JSON-RPC answer that echoes the request's id and body. */
export const echo: Answer = (seen, response) => {
  const { id = null } = seen.body ? (JSON.parse(seen.body) as { id?: unknown }) : {};
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ jsonrpc: "2.0", id, result: { path: seen.url } }));
};

/**
 * Starts a backend on loopback.
 *
 * @param tls speak https with this certificate
 */
export async function recordingBackend(answer: Answer = echo, tls?: ServerOptions): Promise<RecordingBackend> {
  const seen: Seen[] = [];
  const aborted: Seen[] = [];
  let wake: (() => void) | undefined;
  const server = tls ? createSecureServer(tls) : createServer();
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers, rawHeaders } = request;
      const one: Seen = { method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString("utf8") };
      seen.push(one);
      response.on("close", () => {
        if (response.writableFinished) return;
        aborted.push(one);
        wake?.();
      });
      void answer(one, response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? "https" : "http"}://127.0.0.1:${port}`,
    seen,
    aborted,
    async nextAbort() {
      if (aborted.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return aborted.at(-1) as Seen;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
