/** A marker stands in every secret of the pair; nothing that either program writes or tells has it. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { startIssuer, type Issuer } from "@smcp/demo";
import { recordingBackend, type RecordingBackend } from "@smcp/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Folder, type Program } from "./program.ts";

const SCRIPTED = fileURLToPath(new URL("../../server/test/fixtures/stdio-scripted.js", import.meta.url));

const secrets = {
  clientSecret: "hunter2-client-secret-0123456789",
  sessionKey: "hunter2-session-key-0123456789abcdef",
  childSecret: "hunter2-child-secret",
  urlKey: "hunter2-url-key",
  unused: "hunter2-unused",
  tenantToken: "hunter2-tenant-token",
  argument: "hunter2-argument",
  query: "hunter2-query",
  backendSession: "hunter2-backend-session",
} as const;

/** As it is, and as a header or a form would carry it. */
function marked(text: string): string[] {
  const found = [/hunter2[\w-]*/.exec(text)?.[0], /eyJ[\w-]{10,}/.exec(text)?.[0]];
  for (const secret of Object.values(secrets)) {
    for (const before of ["", ":", `${issuer.clientId}:`]) {
      const coded = Buffer.from(before + secret).toString("base64");
      // The last letters of base64 depend on what follows.
      if (text.includes(coded.slice(0, -4))) found.push(coded);
    }
  }
  return found.filter((one) => one !== undefined);
}

/** Everything that stands in the files of a folder. */
function textBelow(path: string): string {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  expect(files).not.toEqual([]);
  return files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), "utf8")).join("\n");
}

const folder = new Folder();
let issuer: Issuer;
let backend: RecordingBackend;
let server: Program;
let remote: string;
const told: string[] = [];

const FILE = (url: string, docs: string): string => `
server: { host: 127.0.0.1, port: 0, shutdown_timeout: 1s, session_key: "\${env:SESSION_KEY}" }
oidc: { issuers: ["${url}"], audience: api }
servers:
  docs: { url: "${docs}/mcp?key=\${env:URL_KEY}", forward_headers: [x-tenant-token] }
  away: { url: "http://127.0.0.1:1/mcp?key=\${env:URL_KEY}" }
  files: { command: "${process.execPath}", args: ["${SCRIPTED}"], env: { CHILD_SECRET: "\${file:child-secret}" } }
`;

const serverEnv = { SESSION_KEY: secrets.sessionKey, URL_KEY: secrets.urlKey, UNUSED_SECRET: secrets.unused };

beforeAll(async () => {
  issuer = await startIssuer({ clientSecret: secrets.clientSecret });
  backend = await recordingBackend((seen, response) => {
    response.setHeader("mcp-session-id", secrets.backendSession);
    response.setHeader("content-type", "application/json");
    response.end(`{"jsonrpc":"2.0","id":1,"result":{"n":${seen.body.length}}}`);
  });
  folder.write("smcp.yaml", FILE(issuer.url, backend.url));
  folder.write("child-secret", `${secrets.childSecret}\n`);
  folder.write("client-secret", `${secrets.clientSecret}\n`);
  server = folder.start(["server", "-l", "debug"], serverEnv);
  remote = (await server.says(/address: (http:\/\/127\.0\.0\.1:\d+)/))[1] ?? "";
  await server.says(/issuers: http/);
});

afterAll(async () => {
  await issuer.close();
  await backend[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const post = (url: string, method: string, params: object, headers: Readonly<Record<string, string>> = {}) =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });

const INITIALIZE = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "app", version: "1" } };

/** Everything that an app may do with the pair, well and badly. What it is answered stays with the caller. */
async function use(local: string): Promise<void> {
  const args = { name: "x", arguments: { password: secrets.argument } };
  const good = await post(`${local}/mcp/docs?token=${secrets.query}`, "tools/call", args, {
    "x-tenant-token": secrets.tenantToken,
  });
  expect(good.status).toBe(200);
  const session = good.headers.get("mcp-session-id") ?? "";
  expect((await post(`${local}/mcp/docs`, "tools/call", args, { "mcp-session-id": session })).status).toBe(200);
  expect(backend.seen.at(-1)?.headers).toMatchObject({ "mcp-session-id": secrets.backendSession });
  for (const [path, headers] of [
    ["/mcp/away", {}],
    ["/mcp/docs", { "mcp-session-id": secrets.backendSession }],
    ["/mcp/none", { authorization: `Bearer ${secrets.clientSecret}` }],
  ] as const) {
    const answer = await post(local + path, "tools/call", args, headers);
    told.push(`${answer.status} ${JSON.stringify([...answer.headers])} ${await answer.text()}`);
  }
  for (const path of ["/health", "/metrics"]) told.push(await (await fetch(local + path)).text());
}

const start = ["client", "--port=0", "-l", "debug"];
const command = (program: Program): string =>
  execFileSync("ps", ["-ww", "-o", "args=", "-p", String(program.child.pid)], { encoding: "utf8" });

describe("L13, L14: a client whose secret comes", () => {
  test.each([
    ["from a file", ["--oidc-client-secret-file=client-secret"], {}],
    ["from the environment", [], { SMCP_CLIENT_OIDC_CLIENT_SECRET: secrets.clientSecret }],
    ["from the older variable", [], { SMCP_OIDC_CLIENT_SECRET: secrets.clientSecret }],
    ["from the command line", [`--oidc-client-secret=${secrets.clientSecret}`], {}],
    ["as a token in a file", ["--token-file=token"], {}],
  ])("%s signs in with it and tells it to nobody else", async (from, args, env) => {
    folder.write("token", `${await issuer.token()}\n`);
    const who = [`--server-url=${remote}`, `--oidc-issuer=${issuer.url}`, `--oidc-client-id=${issuer.clientId}`];
    const client = folder.start([...start, ...who, ...args], { ...env, UNUSED_SECRET: secrets.unused });
    const local = (await client.says(/(http:\/\/127\.0\.0\.1:\d+) relays/))[1] ?? "";
    await use(local);
    for (const asked of [["status"], ["status", "--output=json"], ["doctor", ...who, "--port=0"]]) {
      const { stdout, stderr } = await folder.run(asked, env);
      expect(marked(stdout + stderr)).toEqual([]);
    }
    expect(marked(textBelow(join(folder.path, ".local/state")))).toEqual([]);
    const line = command(client);
    expect(line).toContain("--oidc-client-id");
    const isOpen = from === "from the command line";
    expect(marked(line)).toEqual(isOpen ? [secrets.clientSecret] : []);
    client.child.kill("SIGTERM");
    const { code, stdout, stderr } = await client.ended;
    expect(code).toBe(0);
    expect(stderr).toContain("POST /mcp/docs: 200");
    // Told where it can be read, without telling what it is.
    const warning = '"--oidc-client-secret" can be read by other users of this machine';
    if (isOpen) expect(stderr).toContain(warning);
    else expect(stderr).not.toContain(warning);
    expect(marked(stdout + stderr)).toEqual([]);
  });
});

test("L16: a child sees the safe names of the server's environment and what is configured for it, and no secret besides", async () => {
  const headers = { authorization: `Bearer ${await issuer.token()}` };
  const opened = await post(`${remote}/mcp/files`, "initialize", INITIALIZE, headers);
  expect(opened.status).toBe(200);
  await opened.text();
  const session = { ...headers, "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
  const { result } = (await (await post(`${remote}/mcp/files`, "environment", {}, session)).json()) as {
    result: { env: Record<string, string> };
  };
  const safe = new Set(["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"]);
  expect(Object.keys(result.env).filter((name) => !safe.has(name))).toEqual(["CHILD_SECRET"]);
  expect(result.env["CHILD_SECRET"]).toBe(secrets.childSecret);
});

test("the server tells no secret in what everybody may read, by its commands, or on a reload that fails", async () => {
  for (const path of [
    "/health",
    "/livez",
    "/readyz",
    "/metrics",
    "/api/models",
    "/.well-known/oauth-protected-resource",
  ]) {
    const headers = path === "/api/models" ? { authorization: `Bearer ${await issuer.token()}` } : {};
    const answer = await fetch(remote + path, { headers });
    expect([path, answer.status]).toEqual([path, 200]);
    told.push(await answer.text());
  }
  for (const args of [
    ["server", "--check"],
    ["server", "--check", "--output=json"],
    ["config", "check"],
    ["config", "explain"],
    ["config", "explain", "--output=json"],
  ]) {
    const { code, stdout, stderr } = await folder.run(args, serverEnv);
    expect([args, code]).toEqual([args, 0]);
    told.push(stdout + stderr);
  }
  folder.write("smcp.yaml", `${FILE(issuer.url, backend.url)}metrics: { enabled: "\${env:URL_KEY}" }\n`);
  await server.says(/"smcp\.yaml" was not reloaded/);
  await server.says(/metrics\.enabled/);
  expect(told.flatMap(marked)).toEqual([]);
  expect(marked(command(server))).toEqual([]);
});

test("L13: nothing of it all stands in what the server wrote", async () => {
  server.child.kill("SIGTERM");
  const { code, stdout, stderr } = await server.ended;
  expect(code).toBe(0);
  for (const what of ["tools/call x at docs: 200", "away", "SESSION_UNKNOWN", "files"]) expect(stderr).toContain(what);
  expect(marked(stdout + stderr)).toEqual([]);
});
