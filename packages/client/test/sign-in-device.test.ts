import { silentLog, systemClock, type Duration } from "@smcp/core";
import { startIssuer } from "@smcp/demo";
import { browse } from "@smcp/testing";
import { expect, test } from "vitest";

import { startDeviceFlow } from "../src/sign-in/device.ts";
import type { FlowEnd, FlowRequest } from "../src/sign-in/flow.ts";
import { codeToScan, localPerson } from "../src/sign-in/local-person.ts";
import { promptLines, type Prompt } from "../src/sign-in/words.ts";
import { boundedFetch } from "../src/tokens/bounded-fetch.ts";
import { configureIssuer } from "../src/tokens/issuer-link.ts";
import { readIssuerMetadata } from "../src/tokens/issuer-metadata.ts";
import { say } from "./fake-issuer.ts";
import { startFakeProvider, type FakeProvider } from "./fake-provider.ts";
import { errorIn, startInFront } from "./protected.ts";

/** A device flow on a clock of its own: each wait is noted, and over at once. */
async function startFlow(
  provider: Pick<FakeProvider, "url">,
  waits: Duration[],
  { asleep = (): Duration => 0, clientId = "x", until = Promise.resolve() } = {},
): Promise<{ ended: Promise<FlowEnd>; url: string; code: string | undefined; completeUrl: string | undefined }> {
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead, elapsed: () => systemClock.elapsed() + ahead };
  const fetch = boundedFetch(5_000);
  const who = {
    issuer: provider.url,
    namedBy: "person",
    clientId,
    clientSecret: undefined,
    authMethod: undefined,
    clockTolerance: 0,
  } as const;
  const request: FlowRequest = {
    issuer: provider.url,
    scopes: ["openid"],
    resource: "urn:r",
    audience: "api",
    client: async () => {
      const metadata = await readIssuerMetadata(provider.url, "person", fetch);
      return { ...(await configureIssuer(who, metadata, fetch)), clientId, registration: undefined };
    },
  };
  return startDeviceFlow(request, {
    clock,
    log: silentLog,
    signal: new AbortController().signal,
    pause: (duration) => {
      waits.push(duration);
      ahead += duration + asleep();
      return until;
    },
  });
}

test("a code that a person enters at a real provider is a session, with who they are", async () => {
  await using issuer = await startIssuer({ people: {} });
  const { promise: until, resolve: entered } = Promise.withResolvers<void>();
  const flow = await startFlow(issuer, [], { clientId: "smcp-laptop", until });
  expect(flow.code).toMatch(/^[A-Z]{4}-[A-Z]{4}$/);
  expect(flow.url).toBe(`${issuer.url}/device`);
  await browse(flow.completeUrl ?? "");
  entered();
  expect(await flow.ended).toMatchObject({
    session: {
      issuer: issuer.url,
      clientId: "smcp-laptop",
      subject: "alice",
      email: "alice@example.com",
      resource: "urn:r",
    },
  });
});

/** Answers the n-th question with the n-th error; after the last with tokens. */
function answering(provider: FakeProvider, ...errors: (string | number)[]): void {
  provider.grant = (_, response) => {
    const error = errors[provider.grants.length - 1];
    if (error === undefined) return false;
    if (error === 0) response.destroy();
    else if (typeof error === "number") say(response, error, { error: "server_error" }, { "retry-after": "30" });
    else say(response, 400, { error });
    return true;
  };
}

test("slow_down adds five seconds for good; every question repeats resource and audience", async () => {
  await using provider = await startFakeProvider();
  answering(
    provider,
    "authorization_pending",
    "slow_down",
    "authorization_pending",
    "slow_down",
    "authorization_pending",
  );
  const waits: Duration[] = [];
  const { ended } = await startFlow(provider, waits);
  expect(await ended).toMatchObject({ session: { issuer: provider.url, clientId: "x", scopes: ["openid"] } });
  expect(waits).toEqual([5_000, 5_000, 10_000, 10_000, 15_000, 15_000]);
  for (const form of provider.grants) {
    expect(Object.fromEntries(form)).toEqual({
      grant_type: "urn:ietf:params:oauth:grant-type:device_code",
      client_id: "x",
      device_code: "d",
      resource: "urn:r",
      audience: "api",
    });
  }
});

test("broken connections and a provider out of order are waited out, longer each time", async () => {
  await using provider = await startFakeProvider();
  provider.device = { interval: 1 };
  answering(provider, 0, 0, 503, "authorization_pending");
  const waits: Duration[] = [];
  const { ended } = await startFlow(provider, waits);
  expect(await ended).toMatchObject({ session: { issuer: provider.url } });
  expect(waits).toEqual([1_000, 2_000, 4_000, 30_000, 1_000]);
});

const ENDS: readonly (readonly [string, string, string, string])[] = [
  ["expired_token", "unanswered", "SIGN_IN_REFUSED", "the code expired before anybody entered it"],
  ["access_denied", "refused", "SIGN_IN_REFUSED", "the sign-in at HOST was declined"],
  ["invalid_grant", "refused", "SIGN_IN_REFUSED", "the identity provider HOST refused this client: invalid_grant"],
  [
    "unauthorized_client",
    "refused",
    "SIGN_IN_REFUSED",
    "the identity provider HOST refused this client: unauthorized_client; the provider must allow this client the device code grant",
  ],
];

for (const [error, how, refused, reason] of ENDS) {
  test(`${error} ends the polling`, async () => {
    await using provider = await startFakeProvider();
    answering(provider, error);
    const { ended } = await startFlow(provider, []);
    const facts = { reason: reason.replace("HOST", provider.host) };
    expect(await ended).toMatchObject({ how, refusal: { refused, facts } });
    expect(provider.grants).toHaveLength(1);
  });
}

test("a laptop that slept through the code's life asks nothing more", async () => {
  await using provider = await startFakeProvider();
  answering(provider, "authorization_pending");
  const { ended } = await startFlow(provider, [], {
    asleep: () => (provider.grants.length === 1 ? 3_600_000 : 0),
  });
  expect(await ended).toMatchObject({ how: "unanswered" });
  expect(provider.grants).toHaveLength(1);
});

test("pages that are no web pages are refused, a complete one that is none is left out", async () => {
  for (const uri of ["javascript:alert(1)", "file:///etc/passwd", "http://example.com/device", "x"]) {
    await using provider = await startFakeProvider();
    provider.device = { verification_uri: uri };
    await expect(startFlow(provider, [])).rejects.toThrow("names a page for the code that is no web page");
  }
  await using provider = await startFakeProvider();
  provider.device = { verification_uri_complete: "javascript:alert(1)", user_code: "AB\u001b[2JCD\u202eEF" };
  expect(await startFlow(provider, [])).toMatchObject({ code: "AB[2JCDEF", completeUrl: undefined });
});

test("a provider without device codes says so", async () => {
  await using provider = await startFakeProvider();
  provider.metadata = { device_authorization_endpoint: undefined };
  const { call } = await startInFront(provider.server, { oidc: { clientId: "x", flow: "device" } });
  expect(errorIn(await call()).message).toBe(
    `the identity provider ${provider.host} offers no sign-in by device code; use --oidc-flow browser`,
  );
});

const PROMPT: Prompt = {
  server: "mcp.example.com",
  issuer: "idp.example.com",
  url: "https://idp.example.com/device",
  completeUrl: "https://idp.example.com/device?user_code=WDJB-MJHT",
  code: "WDJB-MJHT",
  startedAt: new Date(2026, 0, 2, 9, 5).getTime(),
  expiresAt: new Date(2026, 0, 2, 9, 15).getTime(),
  machine: "laptop",
  isOpened: false,
};

test("a person reads where, the code, until when, and how to tell somebody else's sign-in from their own", () => {
  expect(promptLines(PROMPT)).toEqual([
    "sign in at idp.example.com to use the smcp server at mcp.example.com",
    "  open   https://idp.example.com/device",
    "  code   WDJB-MJHT",
    "  until  09:15 (10 min)",
    "You started this sign-in on laptop at 09:05. If you did not, close the page.",
  ]);
});

test("a QR code of the whole address on a wide terminal, none on a narrow one, none where the answer comes back here", async () => {
  const drawn = await codeToScan(PROMPT, 100);
  expect(drawn.split("\n").length).toBeGreaterThan(12);
  expect(await codeToScan(PROMPT, 20)).toBe("");
  expect(await codeToScan({ ...PROMPT, code: undefined }, 100)).toBe("");
});

test("what is no terminal is shown nothing, so that it is logged", async () => {
  const written: string[] = [];
  const screen = { write: (text: string) => written.push(text) };
  expect(await localPerson({ env: {}, screen }).show(PROMPT)).toBe(false);
  expect(written).toEqual([]);
  expect(await localPerson({ env: {}, screen: { ...screen, isTTY: true, columns: 100 } }).show(PROMPT)).toBe(true);
  expect(written.join("")).toContain("code   WDJB-MJHT");
});
