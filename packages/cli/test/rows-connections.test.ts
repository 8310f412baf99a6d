/** The laptop's endpoint lets so many connections in and no more: one program of the machine cannot make it run out. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

import { expect, test } from "vitest";
import { Folder } from "./program.ts";

const MOST = 1_024;

test("smcp client closes the connection that is one too many at once, and serves again when one is gone", async () => {
  using folder = new Folder();
  const program = folder.start(["client", "--port=0", "--auth-mode=none", "--server-url=http://127.0.0.1:1"]);
  const [, port] = await program.says(/http:\/\/127\.0\.0\.1:(\d+) relays/);
  const open = (): Socket => connect(Number(port), "127.0.0.1").on("error", () => undefined);
  /** What comes of a request on it: a status, or nothing where it is closed. */
  const ask = (socket: Socket): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<string>();
    socket.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1").slice(9, 12)));
    socket.once("close", () => resolve("closed"));
    socket.write(`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    return promise;
  };
  const held: Socket[] = [];
  try {
    for (let n = 0; n < MOST; n++) {
      const socket = open();
      held.push(socket);
      await once(socket, "connect");
    }
    expect(await ask(held[MOST - 1] as Socket)).toBe("200");
    expect(await ask(open())).toBe("closed");
    held[0]?.destroy();
    const again = async (): Promise<string> => {
      const socket = open();
      held.push(socket);
      return ask(socket);
    };
    await expect.poll(again).toBe("200");
  } finally {
    for (const socket of held) socket.destroy();
  }
});
