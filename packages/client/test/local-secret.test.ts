import { networkInterfaces } from "node:os";

import { Secret, silentLog } from "@smcp/core";
import { expect, onTestFinished, test } from "vitest";

import { startClient, type Client } from "../src/index.ts";
import { startBackend, type Backend } from "./backend.ts";
import { keepLog } from "./log.ts";
import { settingsFor, type Changes } from "./settings.ts";
import { post, speak, type Spoken } from "./speak.ts";

// As `openssl rand -base64` makes them: a path holds it only when it is encoded.
const TEXT = "c2Vj/cmV0+c2VjcmV0==";
const IN_PATH = encodeURIComponent(TEXT);
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const NEEDED = "this endpoint needs its local secret\n";

interface Started {
  readonly client: Client;
  readonly backend: Backend;
  readonly port: string;
  /** The client by a name that its Host rule serves. */
  readonly url: string;
}

async function start(changes: Changes = {}, log = silentLog): Promise<Started> {
  const backend = await startBackend();
  const client = await startClient(settingsFor(backend.url, { localSecret: new Secret(TEXT), ...changes }), log);
  onTestFinished(async () => {
    await client.close();
    await backend[Symbol.asyncDispose]();
  });
  const { port } = new URL(client.url);
  return { client, backend, port, url: `http://127.0.0.1:${port}` };
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

function expectRefused(answer: Spoken): void {
  expect(answer).toMatchObject({ status: 403, body: NEEDED });
  expect(answer.headers["www-authenticate"]).toBeUndefined();
}

test.each(["127.0.0.1", "0.0.0.0", "::"])(
  "L5: on %s a request without the secret is 403 without a challenge, and the server sees nothing",
  async (host) => {
    const { backend, url } = await start({ host });
    const wrong = [
      {},
      bearer("wrong"),
      bearer(TEXT.slice(0, -1)),
      bearer(`${TEXT}=`),
      bearer(TEXT.toLowerCase()),
      bearer(IN_PATH),
      { authorization: TEXT },
      { authorization: `Basic ${TEXT}` },
      { authorization: "Bearer" },
      { authorization: `Bearer ${TEXT} x` },
      { cookie: TEXT, "x-local-secret": TEXT },
    ];
    for (const headers of wrong) expectRefused(await post(url, "/v1/docs", PING, headers));
    for (const path of ["/s/wrong/v1/docs", "/s//v1/docs", "/s/", `/s/${TEXT}/v1/docs`, `/s/${IN_PATH}x/v1/docs`]) {
      expectRefused(await post(url, path, PING));
      // A wrong one counts, whatever else is sent: it is perhaps an old one, and nobody else's to see.
      expectRefused(await post(url, path, PING, bearer(TEXT)));
    }
    for (const path of ["/v1/docs", "/metrics", "/.well-known/oauth-protected-resource", "/s/wrong/health", "/"]) {
      expectRefused(await speak(url, { path }));
    }
    expect(backend.seen).toEqual([]);
  },
);

test("L5: with the secret a request is relayed, and nothing of it goes on", async () => {
  const { backend, url } = await start({ host: "0.0.0.0" });
  expect(await post(url, "/v1/docs?x=1", PING, bearer(TEXT))).toMatchObject({ status: 200, body: PING });
  expect(await post(url, "/v1/docs", PING, { authorization: `bearer  ${TEXT}` })).toMatchObject({ status: 200 });
  expect(await post(url, `/s/${IN_PATH}/v1/docs?x=1`, PING)).toMatchObject({ status: 200, body: PING });
  // An app may have a credential of its own, which ends here as always.
  expect(await post(url, `/s/${IN_PATH}/s/docs`, PING, bearer("own"))).toMatchObject({ status: 200 });
  expect(await speak(url, { path: `/s/${IN_PATH}?x=1` })).toMatchObject({ status: 200 });
  expect(backend.seen.map((one) => one.url)).toEqual(["/v1/docs?x=1", "/v1/docs", "/v1/docs?x=1", "/s/docs", "/?x=1"]);
  for (const one of backend.seen) {
    expect(one.headers).not.toHaveProperty("authorization");
    expect(JSON.stringify(one)).not.toMatch(/c2Vj/);
  }
});

test("what the secret stands in front of is judged like any other path", async () => {
  const { backend, url } = await start();
  for (const rest of ["/v1/../docs", "//docs", "/%2e%2e/docs", "/a%2Fb"]) {
    const answer = await post(url, `/s/${IN_PATH}${rest}`, PING);
    expect(answer).toMatchObject({ status: 400, body: "the request target is not a canonical path\n" });
  }
  expect(backend.seen).toEqual([]);
});

test("health needs no secret; metrics do", async () => {
  const { url } = await start();
  expect(await speak(url, { path: "/health" })).toMatchObject({ status: 200, body: "OK" });
  expect(await speak(url, { path: `/s/${IN_PATH}/health` })).toMatchObject({ status: 200, body: "OK" });
  expectRefused(await speak(url, { path: "/metrics" }));
  const metrics = await speak(url, { path: "/metrics", headers: bearer(TEXT) });
  expect(metrics.body).toContain('smcp_client_requests_total{outcome="LOCAL_SECRET"} 1\n');
});

test("the log never holds the secret, a wrong one or their place in the path", async () => {
  const log = keepLog();
  const { url } = await start({}, log);
  await post(url, `/s/${IN_PATH}/v1/docs`, PING);
  await post(url, "/s/wr0ng-secret/v1/docs", PING);
  await post(url, "/v1/docs", PING, bearer("wr0ng-secret"));
  await post(url, `/s/${IN_PATH}//`, PING);
  await post(url, `/s/${IN_PATH}/v1/docs`, "[");
  const text = log.lines.join("\n");
  expect(text).not.toMatch(/wr0ng|c2Vj|\/s\//);
  expect(text).toContain('"http":"POST /v1/docs"');
  const reasons = log.lines
    .map((line) => JSON.parse(line) as { level: string; code?: string; reason?: string })
    .filter(({ code }) => code === "LOCAL_SECRET");
  expect(reasons).toMatchObject([
    { level: "warn", reason: "the one in the path is wrong" },
    { level: "warn", reason: "the one in Authorization is wrong" },
  ]);
});

test("without a local secret /s/ is a path like any other", async () => {
  const { backend, client } = await start();
  const open = await startClient(settingsFor(backend.url), silentLog);
  onTestFinished(() => open.close());
  expect(await post(open.url, "/s/docs", PING)).toMatchObject({ status: 200 });
  expect(backend.seen).toMatchObject([{ url: "/s/docs" }]);
  expect(open.url).not.toBe(client.url);
});

test("on all addresses Host is a loopback name, the address that is listened on or was called, or --allow-host", async () => {
  const { backend, url, port } = await start({ host: "0.0.0.0", allowHosts: ["box.example", "localhost:9000"] });
  const call = (host: string): Promise<Spoken> => post(url, "/v1/docs", PING, { host, ...bearer(TEXT) });
  for (const host of [
    `127.0.0.1:${port}`,
    `localhost:${port}`,
    "box.example",
    `box.example:${port}`,
    "localhost:9000",
  ]) {
    expect({ host, ...(await call(host)) }).toMatchObject({ host, status: 200 });
  }
  const served = backend.seen.length;
  for (const host of [`evil.example:${port}`, `192.0.2.1:${port}`, `127.0.0.2:${port}`, "localhost:9001", ""]) {
    expect({ host, ...(await call(host)) }).toMatchObject({
      host,
      status: 403,
      body: "this Host is not served here\n",
    });
  }
  expect(backend.seen).toHaveLength(served);
});

const own = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

test.skipIf(own === undefined)("an address of this machine that others reach is served by its own name", async () => {
  for (const host of ["0.0.0.0", "::", own ?? ""]) {
    const { port } = await start({ host });
    const url = `http://${own}:${port}`;
    expectRefused(await post(url, "/v1/docs", PING));
    const answer = await post(url, "/v1/docs", PING, bearer(TEXT));
    expect({ host, ...answer }).toMatchObject({ host, status: 200 });
    const foreign = await post(url, "/v1/docs", PING, { host: `rebound.example:${port}`, ...bearer(TEXT) });
    expect({ host, ...foreign }).toMatchObject({ host, status: 403 });
  }
});

test("a page is refused for what it is before it is asked for the secret", async () => {
  const { url } = await start({ host: "0.0.0.0" });
  const answer = await post(url, "/v1/docs", PING, { origin: "https://evil.example", ...bearer(TEXT) });
  expect(answer).toMatchObject({ status: 403, body: "requests from this Origin are not accepted\n" });
});
