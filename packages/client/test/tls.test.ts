import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { Agent, request } from "undici";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";

import { Secret } from "@smcp/core";
import {
  certificateAuthority,
  collectLog,
  httpBackend,
  recordingBackend,
  sendRaw,
  signingIssuer,
  startTestServer,
  trust,
  type CollectedLine,
  type SigningIssuer,
} from "@smcp/testing";

import { localRules } from "../src/local-rules.ts";
import { startClient } from "../src/start.ts";
import { settingsFor, type Changes } from "./settings.ts";

const authority = certificateAuthority();
const strangers = certificateAuthority("strangers");
const dispatcher = new Agent({ connect: { ca: authority.cert } });
afterAll(() => dispatcher.close());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "smcp-client-tls-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function pairFiles(name: string) {
  const { cert, key } = authority.issue(name);
  return { certFile: write(`${name}.pem`, cert), keyFile: write(`${name}.key`, key) };
}

interface Started extends AsyncDisposable {
  readonly url: string;
  readonly lines: readonly CollectedLine[];
}

async function start(serverUrl: string, changes: Changes = {}): Promise<Started> {
  const { log, lines } = collectLog();
  const client = await startClient(settingsFor(serverUrl, changes), log);
  return { url: client.url, lines, [Symbol.asyncDispose]: () => client.close() };
}

const signIn = ({ issuer }: SigningIssuer) => ({
  issuer,
  clientId: "laptop",
  clientSecret: new Secret("of-the-laptop"),
  audience: "api",
});

const call = {
  method: "POST",
  headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
} as const;

async function send(url: string) {
  const answer = await request(`${url}/docs`, { ...call, dispatcher });
  const body = (await answer.body.json()) as { result?: unknown; error?: { code: number; message: string } };
  return { status: answer.statusCode, ...body };
}

describe("the pair", () => {
  it("speaks TLS on every leg: app, client, server, backend, and issuer on both sides", async () => {
    await using backend = await recordingBackend(undefined, authority.issue("docs"));
    await using issuer = await signingIssuer("ES256", authority.issue("idp"));
    const caFile = write("ca.pem", authority.cert);
    await using server = await startTestServer({
      backends: [httpBackend("docs", backend.url, { tls: { caFile } })],
      issuers: [trust(issuer.issuer, { caFile })],
      server: { tls: { ...pairFiles("server"), clientAuth: "require" } },
      dataFolder: folder,
    });
    await using client = await start(server.url, {
      authMode: "oidc",
      oidc: signIn(issuer),
      tls: pairFiles("local"),
      caFile,
    });
    expect(client.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await send(client.url)).toMatchObject({ status: 200, result: { path: "/" } });
    expect(backend.seen[0]?.headers).toMatchObject({ "x-subject": "alice", "x-forwarded-proto": "https" });
  });
});

describe("the local endpoint with --tls", () => {
  it("takes a Host without a port for port 443", () => {
    const host = { name: "localhost", port: undefined };
    const isAllowed = [443, 80].map((port) =>
      localRules({ host: "127.0.0.1", port, defaultPort: 443 }, [], []).isHostAllowed?.(host),
    );
    expect(isAllowed).toEqual([true, false]);
  });

  it("closes a connection that speaks plain HTTP, and lives", async () => {
    await using client = await start("https://127.0.0.1:1", { tls: pairFiles("local") });
    const plain = await sendRaw(client.url, "GET /health HTTP/1.1\nHost: localhost\nConnection: close\n\n");
    expect(plain.text).toBe("");
    const health = await request(`${client.url}/health`, { dispatcher });
    expect([health.statusCode, await health.body.text()]).toEqual([200, "OK"]);
  });

  it("takes up a renewed certificate", async () => {
    const tls = pairFiles("local");
    await using client = await start("https://127.0.0.1:1", { tls });
    const { cert, key } = strangers.issue("renewed");
    write("local.pem", cert);
    write("local.key", key);
    const renewed = new Agent({ connect: { ca: strangers.cert } });
    const isServed = () =>
      request(`${client.url}/health`, { dispatcher: renewed }).then(
        ({ body }) => body.text().then(() => true),
        () => false,
      );
    while (!(await isServed())) await wait(10);
    await renewed.close();
  });

  it("does not start without its files", async () => {
    const started = start("https://127.0.0.1:1", { tls: { ...pairFiles("local"), keyFile: join(folder, "none.key") } });
    await expect(started).rejects.toMatchObject({
      message: expect.stringMatching(/^cannot read the key file ".*none\.key": ENOENT/) as unknown,
      hint: "check --tls-cert and --tls-key",
      exitCode: 2,
    });
  });
});

function away(url: string) {
  const message = `the smcp server at ${new URL(url).host} cannot be reached`;
  return { status: 502, error: { code: 50201, message } };
}

describe("a server that is not trusted", () => {
  it.each([
    ["of an authority outside --ca-file", strangers.issue("server"), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["that has expired", authority.issue("server", -1), "CERT_HAS_EXPIRED"],
    ["of another name", { cert: authority.cert, key: authority.key }, "ERR_TLS_CERT_ALTNAME_INVALID"],
  ])("for its certificate %s gets neither request nor token, and the log says why", async (_title, pair, code) => {
    await using server = await recordingBackend(undefined, pair);
    await using client = await start(server.url, { caFile: write("ca.pem", authority.cert) });
    expect(await send(client.url)).toMatchObject(away(server.url));
    expect(server.seen).toEqual([]);
    const line = client.lines.find((one) => one.message === "refused");
    expect(String(line?.fields["reason"])).toContain(code);
  });

  it("is reached once --ca-file holds its authority, without a restart", async () => {
    await using server = await recordingBackend(undefined, authority.issue("server"));
    const caFile = write("ca.pem", strangers.cert);
    await using client = await start(server.url, { caFile });
    expect(await send(client.url)).toMatchObject(away(server.url));
    write("ca.pem", authority.cert);
    expect(await send(client.url)).toMatchObject({ status: 200 });
  });
});

describe("an issuer that is not trusted", () => {
  it("is away: 503, no secret reaches it, and the log says why", async () => {
    await using server = await recordingBackend();
    await using issuer = await signingIssuer("ES256", strangers.issue("idp"));
    const caFile = write("ca.pem", authority.cert);
    await using client = await start(server.url, { authMode: "oidc", oidc: signIn(issuer), caFile });
    expect(await send(client.url)).toMatchObject({ status: 503, error: { code: 50301 } });
    expect([server.seen, issuer.asked]).toEqual([[], []]);
    const line = client.lines.find((one) => one.message === "refused");
    expect(line?.fields["reason"]).toBe(
      `${new URL(issuer.issuer).host}: unable to verify the first certificate; ` +
        "its authority must be in the CA file (UNABLE_TO_VERIFY_LEAF_SIGNATURE)",
    );
  });
});
