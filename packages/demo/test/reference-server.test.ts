import { connect } from "node:net";
import { silentLog } from "@smcp/core";
import { safeEnvironment, startChild } from "@smcp/edge";
import { expect, test } from "vitest";
import { freePort, isPortTaken } from "../src/port.ts";
import { startProgram } from "../src/program.ts";
import { listenOnLoopback, referenceServerFile } from "../src/reference-server.ts";

const isOpen = async (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

const everything = async (before: readonly string[], port: number): ReturnType<typeof startProgram> =>
  startProgram(
    "everything",
    {
      command: process.execPath,
      args: [...before, referenceServerFile("everything"), "streamableHttp"],
      env: { ...safeEnvironment(process.env), PORT: String(port) },
    },
    silentLog,
  );

test("the server over HTTP is reached on 127.0.0.1 and on no other address", async () => {
  const port = await freePort();
  await using program = await everything(listenOnLoopback, port);
  await program.answers(`http://127.0.0.1:${port}/mcp`, AbortSignal.timeout(15_000));
  expect(await isPortTaken(port)).toBe(true);
  expect([await isOpen("127.0.0.1", port), await isOpen("127.0.0.2", port), await isOpen("::1", port)]).toEqual([
    true,
    false,
    false,
  ]);
});

test("a program that ends before it answers is told with its code, and its last words are kept", async () => {
  const program = await startProgram(
    "the thing",
    { command: process.execPath, args: ["-e", "console.error('no luck'); process.exitCode = 3"], env: {} },
    silentLog,
  );
  const port = await freePort();
  await expect(program.answers(`http://127.0.0.1:${port}/`, AbortSignal.timeout(15_000))).rejects.toMatchObject({
    name: "Failure",
    message: "the thing ended with code 3 before it was ready",
    hint: "its last lines above say why",
  });
  expect(program.lastWords()).toEqual(["no luck"]);
});

test.each(["everything", "filesystem", "memory"] as const)("%s is found and starts", async (name) => {
  const child = await startChild({
    command: process.execPath,
    args: [referenceServerFile(name), "/tmp"],
    env: {},
    stdinGrace: 0,
  });
  await child.stop();
  expect(child.pid).toBeGreaterThan(0);
});
