/** What streams cost that are open and silent: memory a stream, for each process that they pass through. */
import { connect, type Socket } from "node:net";

import { memoryOf } from "./process.ts";

/** Where streams are opened, and the processes that hold them. */
export interface Held {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly pids: readonly number[];
}

/** Opened at a time, so that no queue of connections overflows. */
const STEP = 100;
/** Until the processes have put away what they needed for opening, in milliseconds. */
const SETTLE = 2_500;

/**
 * Opens streams and keeps them open while it looks.
 *
 * @returns KiB a stream, over all processes; rejects when one of the streams does not open
 */
export async function costOfStreams(held: Held, count: number): Promise<number> {
  const sockets: Socket[] = [];
  try {
    await openStreams(held, STEP, sockets);
    const before = total(held.pids);
    while (sockets.length < count + STEP) await openStreams(held, STEP, sockets);
    await new Promise((resolve) => setTimeout(resolve, SETTLE));
    return ((total(held.pids) - before) * 1_024) / count;
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

function total(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + memoryOf(pid), 0);
}

async function openStreams({ port, path, headers }: Held, count: number, sockets: Socket[]): Promise<void> {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${lines.join("")}\r\n`;
  await Promise.all(
    Array.from({ length: count }, () => {
      const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(head));
      sockets.push(socket);
      return new Promise<void>((resolve, reject) => {
        socket.on("data", (chunk: Buffer) => {
          if (chunk.toString("latin1", 0, 12) === "HTTP/1.1 200") resolve();
          else reject(new Error(`a stream did not open: ${chunk.toString("latin1", 0, 200)}`));
        });
        socket.on("error", reject);
      });
    }),
  );
}
