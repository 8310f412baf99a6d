/** Signing in as a person does it: the programs, a real provider, and a browser that goes where it is sent. */
import { startIssuer, type Issuer } from "@smcp/demo";
import { browse, recordingBackend, type RecordingBackend } from "@smcp/testing";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

import { Folder, type Program } from "./program.ts";

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
const WAIT = { timeout: 60_000, interval: 100 };

const folder = new Folder();
let issuer: Issuer;
let backend: RecordingBackend;
let remote: string;

beforeAll(async () => {
  issuer = await startIssuer({ people: {} });
  backend = await recordingBackend();
  folder.write(
    "smcp.json",
    JSON.stringify({
      server: { host: "127.0.0.1", port: 0, shutdown_timeout: "1s" },
      oidc: { issuers: [issuer.url], audience: "api" },
      client: { client_id: "smcp-laptop" },
      servers: { docs: { url: backend.url } },
    }),
  );
  const server = folder.start(["server", "-c", "smcp.json"]);
  remote = (await server.says(/(http:\/\/127\.0\.0\.1:\d+)/))[1] ?? "";
});

afterAll(async () => {
  folder[Symbol.dispose]();
  await backend[Symbol.asyncDispose]();
  await issuer.close();
});

async function startClient(args: readonly string[] = []): Promise<string> {
  const program = folder.start(["client", "--server-url", remote, "--port", "0", "--no-open", ...args]);
  return (await program.says(/(http:\/\/127\.0\.0\.1:\d+) relays/))[1] ?? "";
}

async function call(local: string): Promise<{ error?: { code: number; message: string }; result?: unknown }> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${local}/mcp/docs`, { method: "POST", headers, body: CALL });
  return (await answer.json()) as never;
}

/** Runs the command until it says what to open, on standard output as JSON. */
async function startLogin(args: readonly string[] = []): Promise<{ program: Program; url: string; code?: string }> {
  const program = folder.start(["login", "--server-url", remote, "--no-open", "--output", "json", ...args]);
  const line = await vi.waitFor(() => {
    const [first = ""] = program.stdout.split("\n");
    return JSON.parse(first) as { state: string; url: string; code?: string };
  }, WAIT);
  expect(line.state).toBe("signing-in");
  return { program, ...line };
}

test("four programs of a user with many requests at once are one sign-in, after which all go on without a restart", async () => {
  const profile = ["--profile", "four", "--oidc-flow", "browser"];
  const locals = await Promise.all(Array.from({ length: 4 }, () => startClient(profile)));
  const answers = await Promise.all(locals.flatMap((one) => Array.from({ length: 10 }, () => call(one))));
  expect(new Set(answers.map((one) => one.error?.code))).toEqual(new Set([40101]));
  const urls = new Set(answers.map((one) => /open (\S+)/.exec(one.error?.message ?? "")?.[1]));
  expect(urls.size).toBe(1);
  const tokens = issuer.requestsTo("/token");
  expect((await browse([...urls][0] ?? "")).text).toContain("Signed in");
  for (const one of locals) await vi.waitFor(async () => expect(await call(one)).toHaveProperty("result"), WAIT);
  expect(issuer.requestsTo("/token")).toBe(tokens + 1);
  expect(backend.seen.length).toBeGreaterThanOrEqual(4);
});

test("smcp login signs in ahead of time, says who and where, and a client afterwards asks nobody", async () => {
  const { program, url } = await startLogin(["--profile", "ahead", "--oidc-flow", "browser"]);
  await browse(url);
  const { code, stdout } = await program.ended;
  expect(code).toBe(0);
  expect(JSON.parse(stdout.split("\n")[1] ?? "")).toMatchObject({
    state: "signed-in",
    server: `${remote}/`,
    profile: "ahead",
    issuer: issuer.url,
    subject: "alice",
    email: "alice@example.com",
    is_renewable: true,
  });
  expect(await call(await startClient(["--profile", "ahead"]))).toHaveProperty("result");
});

test("smcp login as a person reads it", async () => {
  const program = folder.start([
    "login",
    "--server-url",
    remote,
    "--no-open",
    "--profile",
    "text",
    "--oidc-flow",
    "browser",
  ]);
  const [, url = ""] = await program.says(/ {2}open {3}(\S+)\n/);
  await program.says(/You started this sign-in on \S+ at \d\d:\d\d\. If you did not, close the page\./);
  await browse(url);
  const { code, stdout } = await program.ended;
  const host = new URL(issuer.url).host;
  expect(stdout.replace(/until \S+,/, "until T,")).toBe(
    `signed in at ${host} as alice@example.com for ${remote}/ until T, renewed by itself\n`,
  );
  expect(code).toBe(0);
});

test("a code, where no browser is", async () => {
  const { program, url, code } = await startLogin(["--profile", "device"]);
  expect(code).toMatch(/^[A-Z]{4}-[A-Z]{4}$/);
  await browse(`${url}?user_code=${code}`);
  expect((await program.ended).code).toBe(0);
});

test("a sign-in that is declined exits with 4", async () => {
  issuer.answer = "decline";
  try {
    const { program, url } = await startLogin(["--profile", "no", "--oidc-flow", "browser"]);
    await browse(url);
    const { code, stderr } = await program.ended;
    expect(stderr).toContain(
      `smcp: the sign-in at ${new URL(issuer.url).host} was declined\nhint: run smcp login again\n`,
    );
    expect(code).toBe(4);
  } finally {
    issuer.answer = "agree";
  }
});

test("Ctrl-C ends a login that nobody finishes", async () => {
  const { program } = await startLogin(["--profile", "stopped"]);
  program.child.kill("SIGINT");
  expect((await program.ended).code).toBe(1);
});

test("a server that is away exits with 1 and names it", async () => {
  const { code, stderr } = await folder.run(["login", "--server-url", "http://127.0.0.1:1"]);
  expect(stderr).toMatch(
    /^smcp: the smcp server at 127\.0\.0\.1:1 cannot be reached: .*\nhint: check the network, and "http:\/\/127\.0\.0\.1:1\/"\n$/,
  );
  expect(code).toBe(1);
});
