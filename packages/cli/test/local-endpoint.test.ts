import { chmodSync, existsSync, statSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { recordingBackend, type RecordingBackend } from "@smcp/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Folder } from "./program.ts";

const SECRET = "correct-horse-battery";
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
let folder: Folder;
let backend: RecordingBackend;
beforeEach(async () => {
  folder = new Folder();
  backend = await recordingBackend();
});
afterEach(async () => {
  folder[Symbol.dispose]();
  await backend[Symbol.asyncDispose]();
});

const client = (...args: readonly string[]): string[] => [
  "client",
  `--server-url=${backend.url}`,
  "--auth-mode=none",
  ...args,
];

test("L5: on all addresses smcp client starts with both flags only, and serves who has the secret only", async () => {
  chmodSync(folder.write("local-secret", `${SECRET}\n`), 0o600);
  for (const args of [[], ["--allow-remote-bind"], ["--local-secret-file=local-secret"]]) {
    const { code, stderr } = await folder.run(client("--port=0", "--host=0.0.0.0", ...args));
    expect({ args, code }).toEqual({ args, code: 2 });
    expect(stderr).toMatch(
      /^smcp: "--host 0\.0\.0\.0" would let other machines .*\nhint: .* docker run -p 127\.0\.0\.1:/,
    );
  }
  const guarded = ["--host=0.0.0.0", "--allow-remote-bind", "--local-secret-file=local-secret"];
  const program = folder.start(client("--port=0", "-ldebug", ...guarded));
  const [, port] = await program.says(/http:\/\/0\.0\.0\.0:(\d+) relays to/);
  const send = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method: "POST",
      body: PING,
      headers: { "content-type": "application/json", ...headers },
    });
  for (const answer of [await send("/v1/docs"), await send("/s/wrong/v1/docs")]) {
    expect(answer.status).toBe(403);
    expect(answer.headers.get("www-authenticate")).toBeNull();
    expect(await answer.text()).toBe("this endpoint needs its local secret\n");
  }
  expect(backend.seen).toEqual([]);
  expect((await send("/v1/docs", { authorization: `Bearer ${SECRET}` })).status).toBe(200);
  expect((await send(`/s/${SECRET}/v1/docs`)).status).toBe(200);
  expect(backend.seen).toHaveLength(2);
  expect(JSON.stringify(backend.seen)).not.toContain(SECRET);
  program.child.kill("SIGTERM");
  const { code, stdout, stderr } = await program.ended;
  expect(code).toBe(0);
  expect(stdout + stderr).not.toContain(SECRET);
});

test("L6: smcp client on a socket is for its user alone, takes over from one that was killed, and cleans up", async () => {
  const path = join(folder.path, "run/smcp.sock");
  const start = async (): Promise<ReturnType<Folder["start"]>> => {
    // The host that an image sets is nothing to a socket.
    const program = folder.start(client("--listen", `unix:${path}`), { SMCP_CLIENT_HOST: "0.0.0.0" });
    await program.says(new RegExp(`unix:${path} relays to`));
    return program;
  };
  const killed = await start();
  const taken = await folder.run(client("--listen", `unix:${path}`));
  expect(taken).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      new RegExp(
        `^smcp: another smcp client \\(pid ${killed.child.pid}\\) has unix:${path} already, for .*\nhint: use that one, stop it, or choose another place with --port or --listen\n$`,
      ),
    ),
  });
  killed.child.kill("SIGKILL");
  await killed.ended;
  expect(existsSync(path)).toBe(true);
  const program = await start();
  const modes = [path, join(folder.path, "run")].map((one) => (statSync(one).mode & 0o777).toString(8));
  expect(modes).toEqual(["600", "700"]);
  expect(await health(path)).toBe(200);
  program.child.kill("SIGTERM");
  expect(await program.ended).toMatchObject({ code: 0, stdout: "" });
  expect(existsSync(path)).toBe(false);
});

function health(socketPath: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path: "/health", agent: false }, (answer) => {
      answer.resume().once("end", () => resolve(answer.statusCode));
    });
    outgoing.once("error", reject).end();
  });
}
