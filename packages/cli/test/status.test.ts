import { recordingBackend, type RecordingBackend } from "@smcp/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { statusText } from "../src/status-text.ts";
import { Folder } from "./program.ts";

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", clientInfo: { name: "an-app", version: "3" } },
};

describe("the program", () => {
  let folder: Folder;
  let backend: RecordingBackend;
  beforeEach(async () => {
    folder = new Folder();
    backend = await recordingBackend((seen, response) => {
      response.setHeader("content-type", "application/json");
      response.end(seen.url === "/health" ? "OK" : '{"jsonrpc":"2.0","id":1,"result":{}}');
    });
  });
  afterEach(async () => {
    folder[Symbol.dispose]();
    await backend[Symbol.asyncDispose]();
  });

  test("shows nobody and nothing with 4, then the running client with 0, as text and as JSON", async () => {
    const none = await folder.run(["status"]);
    expect(none).toMatchObject({ code: 4, stderr: "" });
    expect(none.stdout).toBe(
      "nobody is signed in: smcp login --server-url URL, or use an app and the client asks\n\nno smcp client is running\n",
    );
    const args = ["client", `--server-url=${backend.url}`, "--port=0", "--auth-mode=none"];
    const client = folder.start(args);
    const url = (await client.says(/(http:\/\/127\.0\.0\.1:\d+) relays/))[1] ?? "";
    const headers = { "content-type": "application/json", "user-agent": "test" };
    await (await fetch(`${url}/v1/docs`, { method: "POST", headers, body: JSON.stringify(INITIALIZE) })).text();
    await expect
      .poll(async () => (await folder.run(["status"])).stdout, { timeout: 15_000 })
      .toMatch(/ {2}apps {7}an-app 3: 1 call, /);
    const text = await folder.run(["status", `--server-url=${backend.url}`]);
    expect(text.code).toBe(0);
    expect(text.stdout).toContain(`smcp client on ${url} (pid ${client.child.pid}), for `);
    const json = await folder.run(["status", "--output", "json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      sign_ins: [],
      running: [
        {
          pid: client.child.pid,
          url,
          server: `${backend.url}/`,
          profile: "default",
          sign_in: { state: "unneeded", issuer: null, scopes: [], expires_at: null, renewable: false },
          calls: 1,
          apps: [{ name: "an-app", version: "3", calls: 1 }],
          last_error: null,
        },
      ],
    });
    expect(await folder.run(["status", "--server-url=https://other.example"])).toMatchObject({ code: 4 });
    client.child.kill("SIGTERM");
    await client.ended;
    expect((await folder.run(["status"])).code).toBe(4);
  });

  test("smcp doctor says what is wrong and how to mend it: 1 where something is, 0 where nothing is", async () => {
    const good = await folder.run(["doctor", `--server-url=${backend.url}`, "--port=0", "--auth-mode=none"]);
    expect(good).toMatchObject({ code: 0, stderr: "" });
    expect(good.stdout).toContain("ok    configuration  flags, variables and client.yaml are in order\n");
    expect(good.stdout).toContain(`ok    server         the smcp server at ${new URL(backend.url).host} is healthy\n`);
    const away = await folder.run(["doctor", "--server-url=http://127.0.0.1:1", "--port=0", "--output=json"]);
    expect(away.code).toBe(1);
    expect(JSON.parse(away.stdout)).toMatchObject({
      ok: false,
      checks: expect.arrayContaining([
        {
          check: "server",
          result: "fail",
          message: expect.stringContaining("the smcp server at 127.0.0.1:1 cannot be reached: ") as string,
          hint: "check --server-url, the network and the VPN, and that smcp server runs there",
        },
      ]) as unknown,
    });
    const unnamed = await folder.run(["doctor"]);
    expect(unnamed).toMatchObject({
      code: 1,
      stdout:
        "fail  configuration  no server to relay to is named\n" +
        "      hint: give --server-url https://HOST, or set SMCP_SERVER_URL\n",
    });
    expect(await folder.run(["doctor", "--nonsense"])).toMatchObject({ code: 2 });
  });
});

const NOW = Date.parse("2026-11-21T18:00:00Z");
const MINUTE = 60_000;

test("the text tells who, until when, who used it and what failed, and nothing in it steers a terminal", () => {
  const signIn = {
    state: "signed-in",
    issuer: "https://idp.example.com",
    email: "alice@example.com",
    scopes: ["openid", "groups"],
    expiresAt: NOW + 50 * MINUTE,
    isRenewable: true,
  } as const;
  const text = statusText(
    {
      signIns: [
        { server: "https://mcp.example.com", profile: "default", state: signIn },
        { server: "https://mcp.example.com", profile: "work", state: { state: "signed-out", name: "Bob" } },
        { server: "https://old.example.com", profile: "default", state: undefined },
      ],
      running: [
        {
          pid: 7,
          host: "laptop",
          version: "0.1.0",
          startedAt: NOW - 3 * 60 * MINUTE,
          url: "http://127.0.0.1:8081",
          server: "https://mcp.example.com/",
          profile: "default",
          signIn: { state: "signing-in", url: "https://idp.example.com/device", code: "WDJB-MJHT" },
          apps: [
            { name: "claude-code", version: "2.1", agent: "node", calls: 12, lastUse: NOW - 2 * MINUTE },
            { name: "evil\u001b[2J", version: undefined, agent: "x", calls: 1, lastUse: NOW },
            { name: "idle", version: undefined, agent: "y", calls: 0, lastUse: 0 },
          ],
          calls: 13,
          lastError: { at: NOW - 5 * MINUTE, code: 50201, message: "the smcp server at x cannot be reached" },
        },
      ],
    },
    NOW,
  );
  expect(text).toBe(`https://mcp.example.com: signed in as alice@example.com for 50 min, then renewed by itself
  issuer     https://idp.example.com
  scopes     openid groups

https://mcp.example.com (profile "work"): signed out

https://old.example.com: cannot be used, sign in again

smcp client on http://127.0.0.1:8081 (pid 7), for 3 h
  server     https://mcp.example.com/
  sign-in    waits for https://idp.example.com/device, code WDJB-MJHT
  apps       claude-code 2.1: 12 calls, 2 min ago
             evil [2J: 1 call, just now
  calls      13
  last error 50201, 5 min ago: the smcp server at x cannot be reached
`);
});
