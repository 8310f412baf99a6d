import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { connect as connectPlain } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { connect, type ConnectionOptions, type PeerCertificate } from "node:tls";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { certificateAuthority, collectLog, sendRaw, type Certified, type CollectedLine } from "@smcp/testing";

import { openListener, type ListenerOptions } from "../src/listener.ts";
import type { ListenerTls } from "../src/secure-server.ts";

const authority = certificateAuthority();
const first = authority.issue("first");
const second = authority.issue("second");
const NAMED = "--tls-cert and --tls-key";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "smcp-tls-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function writePair(pair: Certified): ListenerTls {
  return { certFile: write("cert.pem", pair.cert), keyFile: write("key.pem", pair.key), named: NAMED };
}

async function open(tls: ListenerTls, more: Partial<ListenerOptions> = {}) {
  const { log, lines } = collectLog();
  const listener = await openListener({
    host: "127.0.0.1",
    port: 0,
    readTimeout: 5_000,
    writeTimeout: 5_000,
    tls,
    log,
    handle: (_incoming, _outgoing, reply) => reply.send(200, [], Buffer.from("hello")),
    ...more,
  });
  return { port: listener.port, lines, [Symbol.asyncDispose]: () => listener.close(0) };
}

/** The certificate that a new connection is shown. */
function shown(port: number, more: ConnectionOptions = {}): Promise<PeerCertificate & { readonly alpn: unknown }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, ca: authority.cert, ...more });
    socket.once("secureConnect", () => {
      resolve({ ...socket.getPeerCertificate(), alpn: socket.alpnProtocol });
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

/** Status and body over a connection of its own. */
function ask(port: number, more: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const url = `https://127.0.0.1:${port}/`;
    const request = get(url, { ca: authority.cert, agent: false, ...more }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => resolve(`${response.statusCode} ${body}`));
    });
    request.once("error", reject);
  });
}

async function shownIs(port: number, name: string): Promise<void> {
  while ((await shown(port)).subject.CN !== name) await wait(10);
}

describe("a listener with a certificate", () => {
  it("speaks HTTP/1.1 over TLS 1.2 or later and says which certificate it has", async () => {
    const tls = writePair(first);
    await using server = await open(tls);
    expect(await ask(server.port)).toBe("200 hello");
    expect(await shown(server.port, { ALPNProtocols: ["h2", "http/1.1"] })).toMatchObject({ alpn: "http/1.1" });
    expect(await shown(server.port, { maxVersion: "TLSv1.2" })).toMatchObject({ subject: { CN: "first" } });
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await expect(shown(server.port, old)).rejects.toThrow("alert protocol version");
    const fields = { certificate: tls.certFile, subject: "CN=first" };
    expect(server.lines[0]).toMatchObject({ level: "info", message: `${NAMED} was read`, fields });
  });

  it("closes a connection that speaks plain HTTP, and lives", async () => {
    await using server = await open(writePair(first));
    const answer = await sendRaw(`http://127.0.0.1:${server.port}`, "GET / HTTP/1.1\nHost: x\nConnection: close\n\n");
    expect(answer.text).toBe("");
    expect(await ask(server.port)).toBe("200 hello");
    const line = server.lines.find((one) => one.message === "a TLS connection was refused");
    expect(line).toMatchObject({ level: "info", fields: { address: "127.0.0.1" } });
    expect(String(line?.fields["reason"])).toContain("http request");
  });

  it("answers a broken request inside TLS as elsewhere", async () => {
    await using server = await open(writePair(first));
    const socket = connect({ host: "127.0.0.1", port: server.port, ca: authority.cert });
    socket.write("NONSENSE\r\n\r\n");
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("is not held up at its end by a connection that never says anything", async () => {
    const server = await open(writePair(first));
    const socket = connectPlain(server.port, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    // Its turn to be accepted comes before that of the request.
    await ask(server.port);
    await server[Symbol.asyncDispose]();
    await closed;
  });
});

describe("a renewed certificate", () => {
  it("is shown to new connections, and an open stream flows on", async () => {
    let say: ((text: string) => void) | undefined;
    await using server = await open(writePair(first), {
      handle: (_incoming, outgoing) => {
        outgoing.writeHead(200, { "content-type": "text/event-stream" });
        say = (text) => outgoing.write(text);
        say("before");
      },
    });
    const heard: string[] = [];
    const request = get(`https://127.0.0.1:${server.port}/`, { ca: authority.cert, agent: false }, (response) => {
      response.setEncoding("utf8").on("data", (text: string) => heard.push(text));
    });
    request.on("error", () => undefined);
    while (heard.length < 1) await wait(5);
    writePair(second);
    await shownIs(server.port, "second");
    say?.("after");
    while (heard.length < 2) await wait(5);
    expect(heard).toEqual(["before", "after"]);
    const line = server.lines.find((one) => one.message === `${NAMED} changed: new connections use it`);
    expect(line).toMatchObject({ level: "info", fields: { subject: "CN=second" } });
    request.destroy();
  });

  it("is seen where a symbolic link above the files is swapped, as Kubernetes does", async () => {
    const version = (name: string, pair: Certified): void => {
      mkdirSync(join(folder, name));
      write(`${name}/tls.crt`, pair.cert);
      write(`${name}/tls.key`, pair.key);
      symlinkSync(name, join(folder, "..data_tmp"));
      renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
    };
    version("..1", first);
    for (const file of ["tls.crt", "tls.key"]) symlinkSync(`..data/${file}`, join(folder, file));
    const certFile = join(folder, "tls.crt");
    await using server = await open({ certFile, keyFile: join(folder, "tls.key"), named: NAMED });
    expect((await shown(server.port)).subject.CN).toBe("first");
    version("..2", second);
    await shownIs(server.port, "second");
  });

  it("that is broken leaves the old one in use and says so, until a good one comes", async () => {
    const tls = writePair(first);
    await using server = await open(tls);
    write("cert.pem", second.cert);
    const errors = () => server.lines.filter((one) => one.level === "error");
    while (errors().length < 1) await wait(5);
    expect((await shown(server.port)).subject.CN).toBe("first");
    expect(errors()[0]?.message).toBe(
      `the key "${tls.keyFile}" does not belong to the certificate "${tls.certFile}": ` +
        "the certificates that were read before stay in use",
    );
    write("key.pem", "nonsense");
    while (errors().length < 2) await wait(5);
    expect((await shown(server.port)).subject.CN).toBe("first");
    write("key.pem", second.key);
    await shownIs(server.port, "second");
  });
});

describe("a listener does not start", () => {
  const cases: [string, () => Partial<ListenerTls>, RegExp, string][] = [
    [
      "without its certificate",
      () => ({ certFile: join(folder, "none.pem") }),
      /^cannot read the certificate file ".*none\.pem": ENOENT/,
      `check ${NAMED}`,
    ],
    ["without its key", () => ({ keyFile: folder }), /^cannot read the key file ".*": EISDIR/, `check ${NAMED}`],
    [
      "with the key of another certificate",
      () => ({ keyFile: write("other.pem", second.key) }),
      /^the key ".*other\.pem" does not belong to the certificate ".*cert\.pem"$/,
      "give the key that the certificate was made for, and its certificate first",
    ],
    [
      "with its key in the certificate's place",
      () => ({ certFile: write("swapped.pem", first.key) }),
      /^the certificate file ".*swapped\.pem" holds no certificate$/,
      "give a file in PEM form",
    ],
    [
      "with half a certificate",
      () => ({ certFile: write("half.pem", first.cert.slice(0, 200)) }),
      /^the certificate file ".*half\.pem" holds a certificate that cannot be read: /,
      "give a file in PEM form",
    ],
    [
      "with a key that is none",
      () => ({ keyFile: write("bad.pem", first.cert) }),
      /^the key file ".*bad\.pem" holds no private key that can be read$/,
      "give a file in PEM form, without a password",
    ],
    [
      "with authorities that are none",
      () => ({ clientCaFile: write("ca.pem", "") }),
      /^the CA file ".*ca\.pem" holds no certificate$/,
      "give a file in PEM form",
    ],
  ];
  it.each(cases)("%s", async (_title, change, message, hint) => {
    const opening = open({ ...writePair(first), ...change() });
    await expect(opening).rejects.toMatchObject({
      message: expect.stringMatching(message) as unknown,
      hint,
      exitCode: 2,
    });
  });
});

it("a certificate that has ended or ends soon is warned about", async () => {
  for (const [days, message] of [
    [-1, `${NAMED} was read: its certificate has expired`],
    [13, `${NAMED} was read: its certificate ends soon`],
  ] as const) {
    await using server = await open(writePair(authority.issue("old", days)));
    expect(server.lines[0]).toMatchObject({ level: "warn", message });
  }
});

function refusals(lines: readonly CollectedLine[]): string[] {
  return lines
    .filter((one) => one.message === "a TLS connection was refused")
    .map((one) => String(one.fields["reason"]));
}

describe("callers' certificates", () => {
  const people = certificateAuthority("people");
  const mine = people.issue("alice");
  const foreign = certificateAuthority("strangers").issue("mallory");
  const withCa = (clientAuth?: "request" | "require"): ListenerTls => ({
    ...writePair(first),
    clientCaFile: write("people.pem", people.cert),
    clientAuth,
  });

  it("are needed: a caller without one, or with a stranger's, does not get in", async () => {
    await using server = await open(withCa());
    expect(await ask(server.port, mine)).toBe("200 hello");
    await expect(ask(server.port)).rejects.toThrow(/certificate required|socket hang up|ECONNRESET/);
    await expect(ask(server.port, foreign)).rejects.toThrow(/socket hang up|ECONNRESET|EPIPE|disconnected/);
    while (refusals(server.lines).length < 2) await wait(5);
    expect(refusals(server.lines)[0]).toMatch(/peer did not return a certificate/);
    expect(refusals(server.lines)[1]).toMatch(/\(UNABLE_TO_(?:GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE)\)$/);
    expect(await ask(server.port, mine)).toBe("200 hello");
  });

  it("may be left out where they are only requested, but one that is shown must be good", async () => {
    await using server = await open(withCa("request"));
    expect(await ask(server.port)).toBe("200 hello");
    expect(await ask(server.port, mine)).toBe("200 hello");
    await expect(ask(server.port, foreign)).rejects.toThrow(/socket hang up|ECONNRESET|EPIPE|disconnected/);
    expect(refusals(server.lines)[0]).toMatch(/^the caller's certificate is not good \(UNABLE_TO_/);
  });
});
