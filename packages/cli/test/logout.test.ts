import { hash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { Folder } from "./program.ts";

let folder: Folder;
let state: string;
let env: Record<string, string>;
beforeEach(() => {
  folder = new Folder();
  state = join(folder.path, "state/smcp");
  env = { XDG_STATE_HOME: join(folder.path, "state") };
});
afterEach(() => folder[Symbol.dispose]());

interface Place {
  readonly url: string;
  /** Method, path, body and authorization of every request. */
  readonly seen: string[];
}

/** An HTTP server that answers as it is told. */
async function serve(
  answer: (incoming: IncomingMessage, response: ServerResponse, url: string) => void,
): Promise<Place> {
  const seen: string[] = [];
  const server = createServer((incoming, response) => {
    let body = "";
    incoming.setEncoding("utf8").on("data", (part: string) => (body += part));
    incoming.on("end", () => {
      seen.push([incoming.method, incoming.url, body, incoming.headers.authorization ?? ""].join(" ").trim());
      answer(incoming, response, place.url);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const place = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
  return place;
}

function startIssuer(isRevoking: boolean): Promise<Place> {
  return serve((incoming, response, url) => {
    if (incoming.url !== "/.well-known/openid-configuration") {
      response.writeHead(isRevoking ? 200 : 503).end();
      return;
    }
    const metadata = { issuer: url, token_endpoint: `${url}/token`, revocation_endpoint: `${url}/revoke` };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(metadata));
  });
}

/** A stored session as smcp 0.1 writes it: what later versions must go on reading. */
function store(server: string, issuer: string, { profile = "default", key = "0".repeat(32) } = {}): string {
  const group = hash("sha256", JSON.stringify([server, profile])).slice(0, 16);
  const file = join(state, `${group}-${key}.session.json`);
  const session = {
    issuer,
    clientId: "laptop",
    scopes: ["openid"],
    obtainedAt: 1_800_000_000_000,
    lifetime: 600_000,
    subject: "alice",
    name: "Alice",
    accessToken: "hunter2-access",
    refreshToken: "hunter2-refresh",
    idToken: "hunter2-id",
  };
  mkdirSync(state, { recursive: true, mode: 0o700 });
  writeFileSync(file, JSON.stringify({ v: 1, server, profile, session }), { mode: 0o600 });
  return file;
}

test("it has refresh token and access token revoked, tells the server, and deletes the sign-in", async () => {
  const issuer = await startIssuer(true);
  const server = await serve((_, response) => void response.writeHead(200).end());
  const file = store(`${server.url}/team`, issuer.url);
  const { code, stdout, stderr } = await folder.run(["logout", "--server-url", `${server.url}/team`], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(
    [
      `signed out at ${server.url}/team (profile "default"): Alice`,
      "  refresh token  revoked",
      "  access token   revoked",
      "  at the server  revoked",
      "",
    ].join("\n"),
  );
  expect(issuer.seen.filter((one) => one.startsWith("POST"))).toEqual([
    "POST /revoke token_type_hint=refresh_token&token=hunter2-refresh&client_id=laptop",
    "POST /revoke token_type_hint=access_token&token=hunter2-access&client_id=laptop",
  ]);
  expect(server.seen).toEqual([
    "POST /team/auth/revoke token=hunter2-access&token_type_hint=access_token Bearer hunter2-access",
  ]);
  expect(existsSync(file)).toBe(false);
});

test("offline the sign-in is deleted all the same", async () => {
  store("http://127.0.0.1:1", "http://127.0.0.1:2");
  const { code, stdout, stderr } = await folder.run(["logout", "--output", "json"], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toEqual({
    server: "http://127.0.0.1:1",
    profile: "default",
    signed_out: [
      {
        issuer: "http://127.0.0.1:2",
        subject: "alice",
        name: "Alice",
        email: null,
        deleted: true,
        refresh_token: "failed",
        access_token: "failed",
        server: "failed",
        problems: [
          expect.stringMatching(/^127\.0\.0\.1:2: .*ECONNREFUSED/),
          expect.stringMatching(/^127\.0\.0\.1:1: .*ECONNREFUSED/),
        ],
      },
    ],
  });
  expect(stdout).not.toContain("hunter2");
  expect(readdirSync(state)).toEqual([]);
});

test("an issuer that fails and a server without the route: told, exit code 0", async () => {
  const issuer = await startIssuer(false);
  const server = await serve((_, response) => void response.writeHead(404).end());
  store(server.url, issuer.url);
  const { code, stdout } = await folder.run(["logout"], { ...env, SMCP_SERVER_URL: server.url });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ {2}refresh token {2}not revoked, it ends by itself: 127\.0\.0\.1:\d+: /m);
  expect(stdout).toContain("  at the server  ends by itself: revoking it is not supported\n");
});

test("a stored sign-in that cannot be read is deleted, too", async () => {
  const file = store("http://127.0.0.1:1", "http://127.0.0.1:2");
  writeFileSync(file, '{"v":1,"ser');
  const { code, stdout, stderr } = await folder.run(["logout", "--server-url=http://127.0.0.1:1"], env);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'signed out at http://127.0.0.1:1/ (profile "default")\n' });
  expect(stderr).toContain("is broken");
  expect(existsSync(file)).toBe(false);
});

test("what a keyring sealed is not opened by a library of the working directory, and deleted", async () => {
  const file = store("http://127.0.0.1:1", "http://127.0.0.1:2");
  const sealed = { v: 1, server: "http://127.0.0.1:1", profile: "default", sealed: "x".repeat(100) };
  writeFileSync(file, JSON.stringify(sealed));
  mkdirSync(join(folder.path, "node_modules/@napi-rs/keyring"), { recursive: true });
  folder.write("node_modules/@napi-rs/keyring/package.json", '{ "name": "@napi-rs/keyring", "main": "index.js" }');
  folder.write("node_modules/@napi-rs/keyring/index.js", 'require("node:fs").writeFileSync("executed", "x");');
  const { code, stderr } = await folder.run(["logout"], env);
  expect(code).toBe(0);
  expect(stderr).toContain("the stored sign-in is not used");
  expect([existsSync(file), existsSync(join(folder.path, "executed"))]).toEqual([false, false]);
});

test("nobody signed in is no error", async () => {
  const named = await folder.run(["logout", "--server-url=http://127.0.0.1:1", "--profile=work", "--output=json"], env);
  expect([named.code, named.stderr]).toEqual([0, ""]);
  expect(JSON.parse(named.stdout)).toEqual({ server: "http://127.0.0.1:1/", profile: "work", signed_out: [] });
});

test("only the named account is signed out; among several servers one must be named", async () => {
  const others = [
    store("http://127.0.0.1:1", "http://127.0.0.1:2", { profile: "work" }),
    store("http://127.0.0.1:3", "http://127.0.0.1:2"),
  ];
  const file = store("http://127.0.0.1:1", "http://127.0.0.1:2");
  expect(await folder.run(["logout"], env)).toMatchObject({
    code: 2,
    stderr:
      'smcp: somebody is signed in to several servers: "http://127.0.0.1:1", "http://127.0.0.1:3"\nhint: name one of them with --server-url\n',
  });
  expect(await folder.run(["logout", "--server-url", "http://127.0.0.1:1"], env)).toMatchObject({ code: 0 });
  expect([existsSync(file), ...others.map((one) => existsSync(one))]).toEqual([false, true, true]);
});

test("an output that is none is wrong usage", async () => {
  expect(await folder.run(["logout", "--output", "xml"], env)).toMatchObject({
    code: 2,
    stderr: 'smcp: --output: expected one of text, json, found "xml"\nhint: see --help for what each takes\n',
  });
});
