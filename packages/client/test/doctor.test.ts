import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Secret } from "@smcp/core";
import { startIssuer } from "@smcp/demo";
import { certificateAuthority, recordingBackend } from "@smcp/testing";
import { expect, onTestFinished, test } from "vitest";

import { examine, startClient, type Finding } from "../src/index.ts";
import { openSessionStore } from "../src/store/open.ts";
import { placeOf } from "../src/store/place.ts";
import { startBackend, type Answer, type Backend } from "./backend.ts";
import { keepLog } from "./log.ts";
import { settingsFor, type Changes } from "./settings.ts";
import { sampleSession, scratchFolder } from "./state-folder.ts";

/** An smcp server as far as the doctor asks. */
const server =
  (issuer: string | undefined, date?: Date): Answer =>
  ({ url, headers }, response) => {
    if (date) response.setHeader("date", date.toUTCString());
    const resource = `http://${headers["host"]}`;
    if (url === "/health") response.writeHead(200).end("OK");
    else if (url !== "/.well-known/oauth-protected-resource" || issuer === undefined) response.writeHead(404).end();
    else {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ resource, authorization_servers: [issuer] }));
    }
  };

async function start(answer: Answer): Promise<Backend> {
  const backend = await startBackend(answer);
  onTestFinished(() => backend[Symbol.asyncDispose]());
  return backend;
}

const changes = (more: Changes = {}): Changes => ({
  authMode: "auto",
  tokenStore: "file",
  stateFolder: scratchFolder(),
  ...more,
});

async function look(url: string, more: Changes = {}): Promise<readonly Finding[]> {
  return examine(settingsFor(url, changes(more)), keepLog());
}

const named = (findings: readonly Finding[], check: string): Finding | undefined =>
  findings.find((one) => one.check === check);
const bad = (findings: readonly Finding[]): readonly Finding[] => findings.filter(({ result }) => result !== "ok");

test("where all is well every check is ok, in the order from here to there", async () => {
  await using issuer = await startIssuer({ people: {} });
  const backend = await start(server(issuer.url));
  const more = changes();
  const settings = settingsFor(backend.url, more);
  const store = await openSessionStore(placeOf(settings), keepLog());
  await store.write(sampleSession({ obtainedAt: Date.now() }));
  const findings = await examine(settings, keepLog());
  expect(bad(findings)).toEqual([]);
  expect(findings.map(({ check }) => check)).toEqual([
    "port",
    "token-store",
    "dns-server",
    "tls-server",
    "server",
    "clock",
    "metadata",
    "dns-issuer",
    "tls-issuer",
    "issuer",
    "sign-in",
  ]);
  expect(named(findings, "sign-in")?.message).toBe("alice@example.com is signed in");
  expect(named(findings, "issuer")?.message).toBe(
    `the identity provider ${new URL(issuer.url).host} answers: sign-in by browser or device code`,
  );
  expect(named(findings, "metadata")?.message).toBe(`the server names the identity provider ${issuer.url}`);
});

test("nobody signed in, and an expired sign-in, are told with the command to sign in", async () => {
  await using issuer = await startIssuer({ people: {} });
  const backend = await start(server(issuer.url));
  const more = changes();
  expect(bad(await look(backend.url, more))).toEqual([
    {
      check: "sign-in",
      result: "warn",
      message: "nobody is signed in",
      hint: `smcp login --server-url ${backend.url}/, or use an app: the client then asks`,
    },
  ]);
  const store = await openSessionStore(placeOf(settingsFor(backend.url, more)), keepLog());
  await store.write(sampleSession({ obtainedAt: 1, refreshToken: undefined }));
  expect(bad(await look(backend.url, more))).toEqual([
    {
      check: "sign-in",
      result: "warn",
      message: "the sign-in of alice@example.com has expired",
      hint: `smcp login --server-url ${backend.url}/`,
    },
  ]);
});

async function clockOf(ahead: number): Promise<Finding | undefined> {
  const { url } = await start(server(undefined, new Date(Date.now() + ahead)));
  return named(await look(url, { authMode: "none" }), "clock");
}

test("a program's token is asked for: by client credentials, or in the file", async () => {
  await using issuer = await startIssuer();
  const backend = await start(server(undefined));
  const signInOf = async (more: Changes): Promise<Finding | undefined> =>
    named(await look(backend.url, more), "sign-in");
  const oidc = { issuer: issuer.url, clientId: issuer.clientId, clientSecret: new Secret(issuer.clientSecret) };
  expect(await signInOf({ authMode: "oidc", oidc })).toEqual({
    check: "sign-in",
    result: "ok",
    message: "client credentials are good for a token",
  });
  expect(await signInOf({ authMode: "oidc", oidc: { ...oidc, clientSecret: new Secret("wrong") } })).toEqual({
    check: "sign-in",
    result: "fail",
    message: `the identity provider ${new URL(issuer.url).host} refused this client: invalid_client; check --oidc-client-id and the client secret`,
    hint: "check what the client proves itself with",
  });
  expect(await signInOf({ tokenFile: "/none/token" })).toMatchObject({
    result: "fail",
    message: 'the token file "/none/token" cannot be read (ENOENT)',
  });
});

test("a clock that is off is a warning from half a minute, a failure from five", async () => {
  expect(await clockOf(20_000)).toMatchObject({ result: "ok" });
  expect(await clockOf(-120_000)).toMatchObject({
    result: "warn",
    message: expect.stringMatching(/^this clock is (?:2m|2m1s|2m0s) ahead of that of 127\.0\.0\.1:\d+$/) as string,
    hint: "switch on automatic time on this machine, or tell whoever runs the server",
  });
  expect(await clockOf(900_000)).toMatchObject({
    result: "fail",
    message: expect.stringMatching(/^this clock is (?:15m|14m5\ds) behind that of/) as string,
  });
});

test("a server that is away, has another path, or no metadata", async () => {
  const gone = await startBackend();
  await gone[Symbol.asyncDispose]();
  expect(bad(await look(gone.url))).toMatchObject([
    {
      check: "server",
      result: "fail",
      message: expect.stringContaining(`the smcp server at ${gone.host} cannot be reached: `) as string,
      hint: "check --server-url, the network and the VPN, and that smcp server runs there",
    },
  ]);
  const backend = await start(server(undefined));
  expect(bad(await look(`${backend.url}/base`))).toEqual([
    {
      check: "server",
      result: "warn",
      message: `${backend.url}/base/health answered 404`,
      hint: "check --server-url: is this an smcp server, and is its path right?",
    },
    {
      check: "metadata",
      result: "warn",
      message: "the server names no identity provider",
      hint: "if it asks for sign-in, give --oidc-issuer and --oidc-client-id",
    },
  ]);
  expect(bad(await look(backend.url, { authMode: "none" }))).toEqual([]);
});

test("a name that leads nowhere ends the look at that side", async () => {
  const findings = await look("https://smcp.invalid");
  expect(findings.at(-1)).toMatchObject({
    check: "dns-server",
    result: "fail",
    message: expect.stringContaining('the name "smcp.invalid" cannot be resolved: ') as string,
    hint: "check the spelling, the network and the VPN",
  });
});

test("a certificate that nobody here believes, and the CA file that mends it", async () => {
  const authority = certificateAuthority();
  await using backend = await recordingBackend((_, response) => void response.end("OK"), authority.issue("server"));
  const folder = mkdtempSync(join(tmpdir(), "smcp-doctor-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const caFile = join(folder, "ca.pem");
  writeFileSync(caFile, authority.cert);
  expect(named(await look(backend.url), "tls-server")).toMatchObject({
    result: "fail",
    message: expect.stringContaining(`no TLS with ${new URL(backend.url).host}: `) as string,
    hint: "name the authority of your company with --ca-file, if it has one of its own; else check the address",
  });
  expect(named(await look(backend.url, { caFile }), "tls-server")).toMatchObject({
    result: expect.not.stringMatching("fail") as string,
  });
  expect(bad(await look(backend.url, { caFile: join(folder, "none.pem") })).at(-1)).toMatchObject({
    check: "ca-file",
    result: "fail",
  });
});

test("an issuer that is away, calls itself otherwise, or is named as no issuer can be", async () => {
  const backend = await start(server(undefined));
  const issuerOf = async (issuer: string): Promise<Finding | undefined> =>
    named(await look(backend.url, { authMode: "oidc", oidc: { issuer } }), "issuer");
  const other = await start((_, response) => response.end('{"issuer":"https://other.example","token_endpoint":"x"}'));
  expect(await issuerOf(other.url)).toEqual({
    check: "issuer",
    result: "fail",
    message: `the identity provider ${other.host} calls itself by another name: check --oidc-issuer`,
    hint: "check --oidc-issuer, or ask whoever runs it",
  });
  await other[Symbol.asyncDispose]();
  expect(await issuerOf(other.url)).toMatchObject({
    result: "fail",
    message: expect.stringContaining(`the identity provider ${other.host} cannot be used: `) as string,
  });
  expect(await issuerOf("http://idp.example.com")).toMatchObject({
    result: "fail",
    message: 'the issuer "http://idp.example.com" is not https',
  });
});

test("the port: free, ours, or somebody else's", async () => {
  const backend = await start(server(undefined));
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as AddressInfo;
  expect(named(await look(backend.url, { port }), "port")).toEqual({
    check: "port",
    result: "fail",
    message: `127.0.0.1:${port} is taken by another program`,
    hint: "stop that program, or choose another --port",
  });
  const more = changes({ authMode: "none" });
  const client = await startClient(settingsFor(backend.url, more), keepLog());
  onTestFinished(() => client.close());
  const own = { ...more, port: Number(new URL(client.url).port) };
  expect(named(await look(backend.url, own), "port")).toEqual({
    check: "port",
    result: "ok",
    message: `smcp client runs on ${client.url} (pid ${process.pid})`,
  });
  expect(named(await look(backend.url, { stdioPath: "/v1/docs" }), "port")?.result).toBe("ok");
});

test("the token store: a folder that is open to others, or cannot be made, and a file that is broken", async () => {
  const backend = await start(server(undefined));
  const stateFolder = scratchFolder();
  mkdirSync(stateFolder, { recursive: true });
  chmodSync(stateFolder, 0o755);
  const storeOf = async (more: Changes): Promise<Finding | undefined> =>
    named(await look(backend.url, more), "token-store");
  expect(await storeOf({ stateFolder })).toEqual({
    check: "token-store",
    result: "fail",
    message: `"${stateFolder}" cannot be used: the folder "${stateFolder}" is open to other users (mode 755)`,
    hint: `chmod 700 "${stateFolder}" where you trust what is in it, else move it away`,
  });
  expect(await storeOf({ stateFolder: "/dev/null/smcp" })).toMatchObject({
    result: "fail",
    hint: "make the folder writable for this user, or free some space",
  });
  expect(await storeOf({ stateFolder: "/dev/null/smcp", tokenStore: "memory" })).toMatchObject({ result: "ok" });
  chmodSync(stateFolder, 0o700);
  const { group, key } = placeOf(settingsFor(backend.url, changes({ stateFolder })));
  writeFileSync(join(stateFolder, `${group}-${key}.session.json`), "{", { mode: 0o600 });
  expect(await storeOf({ stateFolder })).toMatchObject({
    result: "warn",
    message: expect.stringContaining("is broken") as string,
    hint: "smcp login signs in anew",
  });
});
