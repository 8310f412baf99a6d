/** A way to a server that remembers what passed: its address is the server's public one. */
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

import { onTestFinished } from "vitest";

export interface Tapped {
  readonly method: string;
  readonly url: string;
  readonly authorization: string;
  readonly dpop: string;
}

export interface Tap {
  readonly url: string;
  /** Requests that came with a credential. */
  readonly seen: Tapped[];
  /** Where it leads. */
  target: string;
}

/** Starts it on a free port. */
export async function startTap(): Promise<Tap> {
  const tap = { url: "", seen: [] as Tapped[], target: "" };
  const server = createServer((incoming, outgoing) => {
    const { method = "", url = "", headers } = incoming;
    const { authorization, dpop } = headers as Record<string, string | undefined>;
    if (authorization !== undefined) tap.seen.push({ method, url, authorization, dpop: dpop ?? "" });
    const onward = request(new URL(url, tap.target), { method, headers }, (answer: IncomingMessage) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  tap.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return tap;
}
