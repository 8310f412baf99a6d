import { silentLog } from "@smcp/core";
import { expect, test, vi } from "vitest";

import { startBrowserFlow } from "../src/sign-in/browser.ts";
import { boundedFetch } from "../src/tokens/bounded-fetch.ts";
import { configureIssuer } from "../src/tokens/issuer-link.ts";
import { readIssuerMetadata } from "../src/tokens/issuer-metadata.ts";
import { startFakeProvider, type FakeProvider } from "./fake-provider.ts";
import { CALL, errorIn, startInFront, startProtected } from "./protected.ts";
import { post, speak, type Spoken } from "./speak.ts";
import { Visitor } from "./visitor.ts";

const WAIT = { timeout: 20_000, interval: 50 };

test("a client that knows only the server's URL signs a person in by browser, and their calls arrive", async () => {
  const { issuer, backend, url } = await startProtected();
  const { person, call, log } = await startInFront(url);
  const first = await call();
  const [opened = ""] = person.opened;
  const asked = new URL(opened).searchParams;
  const message = errorIn(first).message.replace(/\(\d+ (?:min|s).* left\)/, "(T left)");
  expect(first.status).toBe(200);
  expect(errorIn(first).code).toBe(40101);
  expect(message).toBe(`sign in to use the smcp server at ${new URL(url).host}: open ${opened} (T left)`);
  expect(Object.fromEntries(asked)).toMatchObject({
    prompt: "consent",
    client_id: "smcp-laptop",
    response_type: "code",
    scope: "openid offline_access",
    code_challenge_method: "S256",
    resource: url,
    redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/),
  });
  await vi.waitFor(async () => expect(errorIn(await call())).toBeUndefined(), WAIT);
  // The token is the server's alone.
  expect(backend.seen.map((one) => one.headers.authorization)).toEqual([undefined]);
  const page = await person.page();
  expect(page.status).toBe(200);
  expect(page.text).toContain("Signed in");
  expect(person.opened).toHaveLength(1);
  expect(issuer.requestsTo("/token")).toBe(1);
  const written = log.lines.join("\n");
  expect(written).toContain(`signed in at ${new URL(issuer.url).host} as alice@example.com`);
  for (const secret of [asked.get("state"), new URL(page.url).searchParams.get("code")]) {
    expect(written).not.toContain(secret ?? "-");
  }
});

test("L10: the page that the browser comes back to is constant, kept by nobody and holds nothing of what arrived", async () => {
  const { url } = await startProtected();
  const { person, call } = await startInFront(url);
  await call();
  await vi.waitFor(() => expect(person.pages).toHaveLength(1), WAIT);
  const { headers } = await person.page();
  expect(headers.get("cache-control")).toBe("no-store");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
  expect(headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'");
});

test("a person who declines is 40102, and is not asked again by the next request", async () => {
  const { issuer, backend, url } = await startProtected();
  issuer.answer = "decline";
  const { person, call } = await startInFront(url);
  await call();
  await vi.waitFor(async () => {
    expect(errorIn(await call())).toMatchObject({
      code: 40102,
      message: `the sign-in at ${new URL(issuer.url).host} was declined`,
    });
  }, WAIT);
  expect(person.opened).toHaveLength(1);
  expect(backend.seen).toEqual([]);
  expect((await person.page()).text).toContain("Not signed in");
});

/** A client whose browser goes nowhere: the test is the browser. */
async function startWaiting(
  provider: FakeProvider,
): Promise<{ callback: URL; state: string; call: () => Promise<Spoken> }> {
  const person = new Visitor();
  person.visits = false;
  const { call } = await startInFront(provider.server, { oidc: { issuer: provider.url, clientId: "x" } }, person);
  expect(errorIn(await call()).code).toBe(40101);
  const asked = new URL(person.opened[0] ?? "").searchParams;
  provider.nonce ??= asked.get("nonce") ?? undefined;
  return { callback: new URL(asked.get("redirect_uri") ?? ""), state: asked.get("state") ?? "", call };
}

const NOTHING = "No sign-in waits for this address.";

test("L10: callbacks that are not the provider's are refused, and the sign-in still waits for its own", async () => {
  await using provider = await startFakeProvider();
  const { callback, state } = await startWaiting(provider);
  const { origin, host } = callback;
  const good = `/callback?code=c&state=${state}&iss=${encodeURIComponent(provider.url)}`;
  const attacks: readonly (readonly [string, number, Parameters<typeof speak>[1]])[] = [
    ["wrong state", 400, { path: "/callback?code=c&state=guess" }],
    ["no state", 400, { path: "/callback?code=c" }],
    ["two states", 400, { path: `/callback?code=c&state=x&state=${state}` }],
    ["another path", 404, { path: good.replace("callback", "cb") }],
    ["the root", 404, { path: "/" }],
    ["another method", 405, { path: good, method: "POST", body: "" }],
    ["another Host", 403, { path: good, host: "evil.example" }],
    ["the right Host without its port", 403, { path: good, host: "127.0.0.1" }],
    ["another name of this machine", 403, { path: good, host: host.replace("127.0.0.1", "localhost") }],
    ["two Hosts", 403, { path: good, headers: ["host", host, "host", "evil.example"] }],
    ["markup", 400, { path: "/callback?error=%3Cscript%3Ealert(1)%3C/script%3E&state=%3Cb%3E" }],
  ];
  for (const [title, status, words] of attacks) {
    const answer = await speak(origin, words);
    expect([title, answer.status]).toEqual([title, status]);
    expect(answer.body).toContain(NOTHING);
    expect(answer.body).not.toContain("script");
  }
  expect(provider.grants).toEqual([]);
  expect((await speak(origin, { path: good })).status).toBe(200);
  expect(provider.grants).toHaveLength(1);
});

test("L10: a second callback finds nobody: the code is spent once", async () => {
  await using provider = await startFakeProvider();
  const { callback, state } = await startWaiting(provider);
  const good = `/callback?code=c&state=${state}&iss=${encodeURIComponent(provider.url)}`;
  provider.isSlow = true;
  const first = speak(callback.origin, { path: good });
  await vi.waitFor(() => expect(provider.grants).toHaveLength(1), WAIT);
  expect((await speak(callback.origin, { path: good })).body).toContain(NOTHING);
  provider.release();
  expect((await first).status).toBe(200);
  expect(provider.grants).toHaveLength(1);
});

const UNTRUSTED = (host: string): string =>
  `the answer that came back from ${host} cannot be trusted (OAUTH_INVALID_RESPONSE)`;
const REFUSED: readonly (readonly [string, (issuer: string) => string, (host: string) => string])[] = [
  ["another issuer's answer", () => "code=c&iss=https%3A%2F%2Fevil.example", UNTRUSTED],
  ["an answer without its issuer", () => "code=c", UNTRUSTED],
  [
    "an error with markup",
    (issuer) => `error=%3Cb%3E&error_description=%3Cscript%3E&iss=${encodeURIComponent(issuer)}`,
    (host) => `the identity provider ${host} refused this client: an unknown error`,
  ],
  [
    "a resource that the provider does not know",
    (issuer) => `error=invalid_target&iss=${encodeURIComponent(issuer)}`,
    (host) =>
      `the identity provider ${host} refused this client: invalid_target; give --oidc-resource off, or the resource that the provider knows`,
  ],
  [
    "a resource that Entra does not take",
    (issuer) =>
      `error=invalid_request&error_description=AADSTS9010010%3A+the+resource&iss=${encodeURIComponent(issuer)}`,
    (host) =>
      `the identity provider ${host} refused this client: invalid_request (AADSTS9010010); give --oidc-resource off, or the resource that the provider knows`,
  ],
];

for (const [title, query, message] of REFUSED) {
  test(`${title} ends the sign-in with a sentence, and no code is sent`, async () => {
    await using provider = await startFakeProvider();
    const { callback, state, call } = await startWaiting(provider);
    const path = `/callback?${query(provider.url)}&state=${state}`;
    const answer = await speak(callback.origin, { path });
    expect(answer.status).toBe(400);
    expect(answer.body).toContain("Not signed in");
    expect(answer.body).not.toMatch(/script|invalid_|AADSTS/);
    const told = { code: 40102, message: message(provider.host) };
    await vi.waitFor(async () => expect(errorIn(await call())).toMatchObject(told), WAIT);
    expect(provider.grants).toEqual([]);
  });
}

test("L10: a code with a token of another nonce is refused: an attacker's code does not sign in", async () => {
  await using provider = await startFakeProvider();
  provider.nonce = "another";
  const { callback, state, call } = await startWaiting(provider);
  const path = `/callback?code=attackers&state=${state}&iss=${encodeURIComponent(provider.url)}`;
  expect((await speak(callback.origin, { path })).status).toBe(400);
  const message = `the answer that came back from ${provider.host} cannot be trusted (OAUTH_JWT_CLAIM_COMPARISON_FAILED)`;
  await vi.waitFor(async () => expect(errorIn(await call())).toMatchObject({ code: 40102, message }), WAIT);
});

test("a provider that does not tell of PKCE is refused, and taken with --allow-unadvertised-pkce", async () => {
  await using provider = await startFakeProvider();
  provider.metadata = { code_challenge_methods_supported: undefined };
  const oidc = { issuer: provider.url, clientId: "x" };
  const refused = await startInFront(provider.server, { oidc });
  expect(errorIn(await refused.call())).toMatchObject({
    code: 40102,
    message: `the identity provider ${provider.host} does not say that it knows PKCE; if it does, give --allow-unadvertised-pkce`,
  });
  expect(refused.person.opened).toEqual([]);
  const taken = await startInFront(provider.server, { oidc: { ...oidc, allowsUnadvertisedPkce: true } });
  expect(errorIn(await taken.call()).code).toBe(40101);
  provider.metadata = { code_challenge_methods_supported: ["plain"] };
  const plain = await startInFront(provider.server, { oidc: { ...oidc, allowsUnadvertisedPkce: true } });
  expect(errorIn(await plain.call()).message).toBe(
    `the identity provider ${provider.host} does not offer PKCE with S256`,
  );
});

test("--redirect-port is tried in order, --redirect-host is in the address", async () => {
  await using provider = await startFakeProvider();
  const taken = Number(new URL(provider.url).port);
  const person = new Visitor();
  person.visits = false;
  const oidc = { issuer: provider.url, clientId: "x", redirectHost: "localhost", redirectPorts: [taken, 0] };
  const { call } = await startInFront(provider.server, { oidc }, person);
  await call();
  const redirect = new URL(new URL(person.opened[0] ?? "").searchParams.get("redirect_uri") ?? "");
  expect(redirect.hostname).toBe("localhost");
  expect(redirect.port).not.toBe(String(taken));
  const stuck = await startInFront(provider.server, { oidc: { ...oidc, redirectPorts: [taken] } }, person);
  expect(errorIn(await stuck.call()).message).toBe(
    `no port for the sign-in's answer is free on localhost (${taken}): give others with --redirect-port`,
  );
});

test("--no-open opens nothing and tells the address", async () => {
  const { url } = await startProtected();
  const person = new Visitor();
  const { call } = await startInFront(url, { opensBrowser: false, oidc: { flow: "browser" } }, person);
  const answer = await call();
  expect(person.opened).toEqual([]);
  expect(person.prompts).toHaveLength(1);
  expect(errorIn(answer).message).toContain(person.prompts[0]?.url);
  await vi.waitFor(async () => expect(errorIn(await call())).toBeUndefined(), WAIT);
});

test("a client that ends gives its sign-in up: nobody listens any more", async () => {
  await using provider = await startFakeProvider();
  const person = new Visitor();
  person.visits = false;
  const { client, call } = await startInFront(
    provider.server,
    { oidc: { issuer: provider.url, clientId: "x" } },
    person,
  );
  await call();
  const redirect = new URL(person.opened[0] ?? "").searchParams.get("redirect_uri") ?? "";
  await client.close();
  await vi.waitFor(async () => {
    await expect(speak(redirect)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  }, WAIT);
});

test("requests at once are told of the same sign-in, and go on as soon as it is done", async () => {
  const { url, backend } = await startProtected();
  const person = new Visitor();
  person.visits = false;
  const { client, call } = await startInFront(url, {}, person);
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(client.url, "/docs", CALL)));
  expect(new Set(answers.map((one) => errorIn(one).code))).toEqual(new Set([40101]));
  expect(person.opened).toHaveLength(1);
  person.visits = true;
  await person.open(new URL(person.opened[0] ?? ""));
  await vi.waitFor(async () => expect(errorIn(await call())).toBeUndefined(), WAIT);
  expect(backend.seen).toHaveLength(1);
});

test("a sign-in that nobody finishes ends after five minutes by the clock on the wall, and nobody listens any more", async () => {
  await using provider = await startFakeProvider();
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead, elapsed: () => performance.now() };
  const fetch = boundedFetch(5_000);
  const who = { issuer: provider.url, namedBy: "person", clientId: "x", clientSecret: undefined } as const;
  let redirectUri: string | undefined;
  const flow = await startBrowserFlow(
    {
      issuer: provider.url,
      scopes: [],
      resource: undefined,
      audience: undefined,
      client: async (uri) => {
        redirectUri = uri;
        const metadata = await readIssuerMetadata(provider.url, "person", fetch);
        const issuer = await configureIssuer({ ...who, authMethod: undefined, clockTolerance: 0 }, metadata, fetch);
        return { ...issuer, clientId: "x", registration: undefined };
      },
    },
    { host: "127.0.0.1", ports: [], allowsUnadvertisedPkce: false },
    {
      clock,
      log: silentLog,
      signal: new AbortController().signal,
      // The laptop sleeps, and wakes up an hour later.
      pause: () => {
        ahead += 3_600_000;
        return Promise.resolve();
      },
    },
  );
  expect(await flow.ended).toMatchObject({
    how: "unanswered",
    refusal: { refused: "SIGN_IN_REFUSED", facts: { reason: "nobody finished the sign-in in time" } },
  });
  await flow.close(false);
  await expect(speak(redirectUri ?? "")).rejects.toMatchObject({ code: "ECONNREFUSED" });
});
