import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { TLSSocket } from "node:tls";

import { Agent, request } from "undici";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";

import { startServer } from "@smcp/server";
import {
  certificateAuthority,
  collectLog,
  httpBackend,
  recordingBackend,
  serverSettings,
  signingIssuer,
  startTestServer,
  trust,
  type Answer,
  type Certified,
} from "@smcp/testing";

const authority = certificateAuthority();
const own = authority.issue("server");
const dispatcher = new Agent({ connect: { ca: authority.cert } });
afterAll(() => dispatcher.close());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "smcp-server-tls-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function listenTls(pair: Certified = own) {
  const [certFile, keyFile] = [write("own.pem", pair.cert), write("own.key", pair.key)];
  return { certFile, keyFile, clientAuth: "require" } as const;
}

const call = {
  method: "POST",
  headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
} as const;

async function send(url: string, headers: Readonly<Record<string, string>> = {}) {
  const answer = await request(url, { ...call, dispatcher, headers: { ...call.headers, ...headers } });
  const body = (await answer.body.json()) as { error?: { code: number; message: string } };
  return { status: answer.statusCode, error: body.error };
}

const AWAY = { status: 502, error: { code: 50201, message: 'the backend "docs" failed' } };

describe("a server with a certificate", () => {
  it("has an https address and tells https to callers and backends", async () => {
    await using backend = await recordingBackend();
    await using issuer = await signingIssuer();
    const choices = { backends: [httpBackend("docs", backend.url)], server: { tls: listenTls() } };
    await using server = await startTestServer(choices);
    await using closed = await startTestServer({ ...choices, issuers: [trust(issuer.issuer)] });
    expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await send(`${server.url}/docs`)).toMatchObject({ status: 200 });
    expect(backend.seen[0]?.headers).toMatchObject({
      "x-forwarded-proto": "https",
      "x-forwarded-host": new URL(server.url).host,
    });
    const challenge = await request(`${closed.url}/docs`, { ...call, dispatcher });
    await challenge.body.dump();
    const metadata = `${closed.url}/.well-known/oauth-protected-resource/docs`;
    expect(challenge.headers["www-authenticate"]).toContain(`resource_metadata="${metadata}"`);
    const document = await (await request(metadata, { dispatcher })).body.json();
    expect(document).toMatchObject({ resource: `${closed.url}/docs` });
  });

  it("believes a trusted proxy's word on the scheme, and nobody else's", async () => {
    await using backend = await recordingBackend();
    const choices = { backends: [httpBackend("docs", backend.url)], server: { tls: listenTls() } };
    const schemes = async (trustedProxies: readonly string[]): Promise<unknown[]> => {
      await using server = await startTestServer({ ...choices, server: { ...choices.server, trustedProxies } });
      await send(`${server.url}/docs`);
      await send(`${server.url}/docs`, { "x-forwarded-proto": "http" });
      return backend.seen.splice(0).map((one) => one.headers["x-forwarded-proto"]);
    };
    expect(await schemes(["127.0.0.1"])).toEqual(["https", "http"]);
    expect(await schemes(["10.0.0.1"])).toEqual(["https", "https"]);
  });

  it("does not start without it, and not with other files after a reload", async () => {
    const tls = listenTls();
    const { log } = collectLog();
    const missing = serverSettings({ server: { tls: { ...tls, keyFile: join(folder, "none.key") } } });
    await expect(startServer(missing, log, { env: {}, dataFolder: folder })).rejects.toMatchObject({
      message: expect.stringMatching(/^cannot read the key file ".*none\.key": ENOENT/) as unknown,
      hint: "check tls.cert_file, tls.key_file and tls.client_ca_file",
      exitCode: 2,
    });
    const server = await startServer(serverSettings({ server: { tls } }), log, { env: {}, dataFolder: folder });
    try {
      await expect(server.reload(() => serverSettings({}))).rejects.toMatchObject({
        message: '"tls" cannot change while the server runs',
        exitCode: 2,
      });
      await server.reload(() => serverSettings({ server: { tls: { ...tls } } }));
    } finally {
      await server.close();
    }
  });
});

/** Answers with the name in the caller's certificate, on a connection of its own. */
const whoCalls: Answer = (_seen, response, incoming) => {
  const { subject } = (incoming.socket as TLSSocket).getPeerCertificate();
  response.setHeader("connection", "close");
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ caller: subject.CN }));
};

describe("a backend behind TLS", () => {
  it("is reached where its certificate comes from the authority in ca_file", async () => {
    await using backend = await recordingBackend(undefined, authority.issue("docs"));
    const tls = { caFile: write("ca.pem", authority.cert) };
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url, { tls })] });
    expect(await send(`${server.url}/docs`)).toMatchObject({ status: 200 });
  });

  const strangers = certificateAuthority("strangers");
  it.each([
    ["of an authority that is not trusted", strangers.issue("docs"), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["of another authority of the same name", certificateAuthority().issue("docs"), "CERT_SIGNATURE_FAILURE"],
    ["that has expired", authority.issue("docs", -1), "CERT_HAS_EXPIRED"],
    ["of another name", { cert: authority.cert, key: authority.key }, "ERR_TLS_CERT_ALTNAME_INVALID"],
  ])("is sent nothing with a certificate %s, and the log says so", async (_title, pair, code) => {
    await using backend = await recordingBackend(undefined, pair);
    const tls = { caFile: write("ca.pem", authority.cert) };
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url, { tls })] });
    expect(await send(`${server.url}/docs`)).toMatchObject(AWAY);
    expect(backend.seen).toEqual([]);
    const line = server.lines.find((one) => one.message === "a backend failed");
    expect(String(line?.fields["reason"])).toContain(code);
  });

  it("is sent nothing without a ca_file where its authority is not one of the system's", async () => {
    await using backend = await recordingBackend(undefined, authority.issue("docs"));
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
    expect(await send(`${server.url}/docs`)).toMatchObject(AWAY);
    expect(backend.seen).toEqual([]);
  });

  const people = certificateAuthority("people");
  const asks = { ...authority.issue("docs"), ca: people.cert, requestCert: true };

  it("is shown the server's certificate, a renewed one at the next connection", async () => {
    await using backend = await recordingBackend(whoCalls, asks);
    const renew = (name: string) => {
      const { cert, key } = people.issue(name);
      return { certFile: write("client.pem", cert), keyFile: write("client.key", key) };
    };
    const tls = { caFile: write("ca.pem", authority.cert), ...renew("gateway one") };
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url, { tls })] });
    const caller = async () => (await request(`${server.url}/docs`, call)).body.json();
    expect(await caller()).toEqual({ caller: "gateway one" });
    renew("gateway two");
    expect(await caller()).toEqual({ caller: "gateway two" });
    write("client.key", "nonsense");
    // Each call connects anew, and the file is complained about once.
    expect(await caller()).toEqual({ caller: "gateway two" });
    expect(await caller()).toEqual({ caller: "gateway two" });
    const errors = server.lines.filter((one) => one.level === "error");
    expect(errors.map((one) => one.message)).toEqual([
      `the key file "${tls.keyFile}" holds no private key that can be read: the certificates that were read before stay in use`,
    ]);
  });

  it("that needs a certificate answers 502 to a server without one", async () => {
    await using backend = await recordingBackend(whoCalls, { ...asks, rejectUnauthorized: true });
    const tls = { caFile: write("ca.pem", authority.cert) };
    await using server = await startTestServer({ backends: [httpBackend("docs", backend.url, { tls })] });
    expect(await send(`${server.url}/docs`)).toMatchObject(AWAY);
    const line = server.lines.find((one) => one.message === "a backend failed");
    expect(String(line?.fields["reason"])).toMatch(/certificate required|other side closed|ECONNRESET/);
  });

  it("keeps the server from starting, or a reload from happening, where a file cannot be used", async () => {
    const caFile = join(folder, "none.pem");
    const { log } = collectLog();
    const backends = [httpBackend("docs", "https://127.0.0.1:1", { tls: { caFile } })];
    const refused = {
      message: expect.stringMatching(/^cannot read the CA file ".*none\.pem": ENOENT/) as unknown,
      hint: 'check ca_file, client_cert_file and client_key_file of the backend "docs"',
      exitCode: 2,
    };
    await expect(startServer(serverSettings({ backends }), log, { env: {} })).rejects.toMatchObject(refused);
    await using issuer = await signingIssuer();
    const server = await startServer(serverSettings({}), log, { env: {}, dataFolder: folder });
    const reloading = server.reload(() => serverSettings({ backends, issuers: [trust(issuer.issuer)] }));
    await expect(reloading).rejects.toMatchObject(refused);
    // What was not used was not started either: it would have asked before us.
    await (await request(`${issuer.issuer}/us`)).body.dump();
    expect(issuer.asked).toEqual(["/us"]);
    await server.close();
  });
});

describe("an issuer behind TLS", () => {
  it("is asked for its keys where its certificate comes from the authority in ca_file", async () => {
    await using backend = await recordingBackend();
    await using issuer = await signingIssuer("ES256", authority.issue("idp"));
    const issuers = [trust(issuer.issuer, { caFile: write("idp.pem", authority.cert) })];
    const backends = [httpBackend("docs", backend.url)];
    await using server = await startTestServer({ backends, issuers, dataFolder: folder });
    const authorization = `Bearer ${await issuer.token()}`;
    expect(await send(`${server.url}/docs`, { authorization })).toMatchObject({ status: 200 });
  });

  it("is away, and its callers wait outside, with a certificate that is not trusted", async () => {
    await using backend = await recordingBackend();
    await using issuer = await signingIssuer("ES256", authority.issue("idp"));
    const caFile = write("idp.pem", certificateAuthority("strangers").cert);
    const backends = [httpBackend("docs", backend.url)];
    const issuers = [trust(issuer.issuer, { caFile })];
    await using server = await startTestServer({ backends, issuers, dataFolder: folder });
    const authorization = `Bearer ${await issuer.token()}`;
    const away = { status: 503, error: { code: 50301, message: "the identity provider cannot be reached" } };
    expect(await send(`${server.url}/docs`, { authorization })).toMatchObject(away);
    expect([backend.seen, issuer.asked]).toEqual([[], []]);
    const isTold = () => server.lines.find((one) => one.message === "the issuer's keys could not be loaded");
    while (!isTold()) await wait(5);
    expect(String(isTold()?.fields["reason"])).toContain("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    // The right file is taken up without a restart.
    write("idp.pem", authority.cert);
    while ((await send(`${server.url}/docs`, { authorization })).status !== 200) await wait(50);
  });
});
