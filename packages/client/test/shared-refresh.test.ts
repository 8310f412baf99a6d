/** The refresh request itself, against an issuer in a test's hands. */
import { refuse, Secret } from "@smcp/core";
import { expect, test } from "vitest";

import { refreshSession } from "../src/sign-in/refresh.ts";
import { boundedFetch } from "../src/tokens/bounded-fetch.ts";
import { IssuerLink } from "../src/tokens/issuer-link.ts";
import type { GrantRefused } from "../src/tokens/kept.ts";
import type { Session } from "../src/tokens/session.ts";
import { TestClock } from "./clock.ts";
import { say, startFakeIssuer, type FakeIssuer } from "./fake-issuer.ts";
import { opened, sampleSession } from "./state-folder.ts";

const NOW = new TestClock().wall;

function refresh(issuer: FakeIssuer, session: Partial<Session> = {}, timeout = 5_000): Promise<Session | GrantRefused> {
  const about = { clientId: "laptop", clientSecret: undefined, authMethod: undefined, clockTolerance: 30_000 };
  const link = new IssuerLink({ issuer: issuer.url, namedBy: "person", ...about }, boundedFetch(timeout));
  const old = sampleSession({ issuer: issuer.url, obtainedAt: NOW - 600_000, ...session });
  return refreshSession(old, link, new TestClock());
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

test("everything that the answer leaves out stays as it was; the resource is named again", async () => {
  await using issuer = await startFakeIssuer();
  const session = await refresh(issuer);
  if ("refusal" in session) throw new Error(JSON.stringify(session));
  expect(opened(session)).toEqual(
    opened(
      sampleSession({
        issuer: issuer.url,
        accessToken: new Secret("token-1"),
        obtainedAt: NOW,
        lifetime: 600_000,
      }),
    ),
  );
  expect(Object.fromEntries(new URLSearchParams(issuer.grants[0]?.body))).toEqual({
    client_id: "laptop",
    grant_type: "refresh_token",
    refresh_token: "hunter2-refresh-1",
    resource: "https://mcp.example.com",
  });
});

test("what the answer says is taken: tokens, scopes, no lifetime", async () => {
  await using issuer = await startFakeIssuer();
  issuer.grant = (_, response) =>
    say(response, 200, { access_token: "a", token_type: "Bearer", refresh_token: "r", scope: "openid write" });
  const session = await refresh(issuer, { resource: undefined });
  expect(opened(session as Session)).toMatchObject({
    accessToken: "a",
    refreshToken: "r",
    scopes: ["openid", "write"],
    subject: "alice",
  });
  expect(session).toMatchObject({ lifetime: undefined });
  expect(issuer.grants[0]?.body).not.toContain("resource");
});

test.each<[string, number, unknown, Record<string, string>, Partial<GrantRefused>]>([
  ["500", 500, {}, {}, { refusal: expect.objectContaining({ refused: "ISSUER_AWAY" }) as never }],
  [
    "a 500 that calls itself invalid_grant",
    500,
    { error: "invalid_grant" },
    {},
    { refusal: expect.objectContaining({ refused: "ISSUER_AWAY" }) as never },
  ],
  [
    "429",
    429,
    { error: "slow_down" },
    { "retry-after": "7" },
    { refusal: expect.objectContaining({ refused: "ISSUER_AWAY" }) as never, retryAfter: 7_000 },
  ],
  [
    "invalid_grant",
    400,
    { error: "invalid_grant", error_description: "hunter2" },
    {},
    { refusal: expect.objectContaining({ refused: "SIGN_IN_REFUSED" }) as never, error: "invalid_grant" },
  ],
])("%s is told apart", async (_, status, body, headers, expected) => {
  await using issuer = await startFakeIssuer();
  issuer.grant = (_, response) => say(response, status, body, headers);
  const refused = await refresh(issuer);
  expect(refused).toEqual(expected);
  expect(JSON.stringify(refused)).not.toContain("hunter2");
});

test("an issuer that never answers is away when the time is over", async () => {
  await using issuer = await startFakeIssuer();
  issuer.grant = () => undefined;
  expect(await refresh(issuer, {}, 100)).toMatchObject({ refusal: { refused: "ISSUER_AWAY" } });
});

test("an answer for another person is not taken", async () => {
  await using issuer = await startFakeIssuer();
  const seconds = Math.floor(Date.now() / 1_000);
  const claims = { iss: issuer.url, aud: "laptop", sub: "mallory", iat: seconds, exp: seconds + 60 };
  const idToken = `${part({ alg: "RS256" })}.${part(claims)}.c2ln`;
  issuer.grant = (_, response) =>
    say(response, 200, { access_token: "a", token_type: "Bearer", id_token: idToken, expires_in: 60 });
  const reason = `the identity provider ${issuer.host} renewed the sign-in for another person`;
  expect(await refresh(issuer)).toEqual({
    refusal: refuse("SIGN_IN_REFUSED", { reason }, { reason }),
    error: "invalid_grant",
  });
});
