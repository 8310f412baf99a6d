import { spawnSync } from "node:child_process";
import { createRemoteJWKSet, decodeProtectedHeader, importJWK, jwtVerify, SignJWT } from "jose";
import * as openid from "openid-client";
import { afterEach, expect, test } from "vitest";
import { startIssuer, type Issuer, type IssuerOptions } from "../src/index.ts";

const open: Issuer[] = [];
const start = async (options: IssuerOptions = {}): Promise<Issuer> => {
  const issuer = await startIssuer(options);
  open.push(issuer);
  return issuer;
};

afterEach(async () => {
  await Promise.all(open.splice(0).map(async (issuer) => issuer.close()));
});

const discover = async (issuer: Issuer, auth?: openid.ClientAuth): Promise<openid.Configuration> =>
  openid.discovery(new URL(issuer.url), issuer.clientId, issuer.clientSecret, auth, {
    execute: [openid.allowInsecureRequests],
  });

const verify = async (issuer: Issuer, token: string, audience: string): ReturnType<typeof jwtVerify> =>
  jwtVerify(token, createRemoteJWKSet(new URL(`${issuer.url}/jwks`)), {
    issuer: issuer.url,
    audience,
    typ: "at+jwt",
    algorithms: ["ES256"],
  });

test("openid-client gets a JWT for the default audience that jose verifies", async () => {
  const issuer = await start({ groups: ["eng"] });
  const configuration = await discover(issuer, openid.ClientSecretBasic(issuer.clientSecret));
  const answer = await openid.clientCredentialsGrant(configuration, { scope: "openid" });
  expect(answer.expires_in).toBe(600);
  expect(decodeProtectedHeader(answer.access_token)).toMatchObject({ typ: "at+jwt", alg: "ES256" });
  const { payload } = await verify(issuer, answer.access_token, "api");
  expect(payload).toMatchObject({
    sub: "smcp-demo",
    client_id: "smcp-demo",
    aud: "api",
    groups: ["eng"],
    scope: "openid",
  });
});

test("a named resource becomes the audience", async () => {
  const issuer = await start({ tokenTtl: 2_000 });
  const configuration = await discover(issuer, openid.ClientSecretBasic(issuer.clientSecret));
  const resource = "http://127.0.0.1:8080/";
  const answer = await openid.clientCredentialsGrant(configuration, { resource });
  expect(answer.expires_in).toBe(2);
  const { payload } = await verify(issuer, answer.access_token, resource);
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(2);
});

test("a resource outside the list is refused", async () => {
  const issuer = await start({ resources: ["http://127.0.0.1:1/"] });
  await expect(issuer.token({}, "http://127.0.0.1:2/")).rejects.toThrow(
    "the token request was refused: invalid_target",
  );
  await expect(issuer.token({}, "http://127.0.0.1:1/")).resolves.toMatch(/^ey/);
});

test("a wrong secret is refused", async () => {
  const issuer = await start();
  const configuration = await discover(issuer, openid.ClientSecretBasic("wrong"));
  await expect(openid.clientCredentialsGrant(configuration)).rejects.toMatchObject({
    name: "WWWAuthenticateChallengeError",
    status: 401,
  });
});

test("a client may prove itself in the body, and the metadata says so", async () => {
  const issuer = await start({ authMethod: "client_secret_post" });
  const configuration = await discover(issuer, openid.ClientSecretPost(issuer.clientSecret));
  expect(configuration.serverMetadata().token_endpoint_auth_methods_supported).toEqual(["client_secret_post"]);
  await expect(openid.clientCredentialsGrant(configuration)).resolves.toMatchObject({ token_type: "bearer" });
  await expect(issuer.token()).resolves.toMatch(/^ey/);
});

test("claims of one token do not stay for the next", async () => {
  const issuer = await start({ groups: ["eng"] });
  const special = await issuer.token({ groups: ["ops"], email: "a@example.com" });
  const plain = await issuer.token();
  expect((await verify(issuer, special, "api")).payload).toMatchObject({ groups: ["ops"], email: "a@example.com" });
  const { payload } = await verify(issuer, plain, "api");
  expect(payload).toMatchObject({ groups: ["eng"] });
  expect(payload).not.toHaveProperty("email");
});

test("further clients have claims of their own", async () => {
  const issuer = await start({ clients: [{ id: "other", secret: "s3cret-s3cret-s3cret", claims: { groups: ["x"] } }] });
  const configuration = await openid.discovery(
    new URL(issuer.url),
    "other",
    undefined,
    openid.ClientSecretBasic("s3cret-s3cret-s3cret"),
    { execute: [openid.allowInsecureRequests] },
  );
  const answer = await openid.clientCredentialsGrant(configuration);
  expect((await verify(issuer, answer.access_token, "api")).payload).toMatchObject({ sub: "other", groups: ["x"] });
});

test("its signing key signs tokens that no provider would issue", async () => {
  const issuer = await start();
  const forged = await new SignJWT({ aud: "api" })
    .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: issuer.signingKey.kid })
    .setIssuer(issuer.url)
    .setExpirationTime("-1h")
    .sign(await importJWK(issuer.signingKey));
  await expect(verify(issuer, forged, "api")).rejects.toMatchObject({ code: "ERR_JWT_EXPIRED" });
});

test("a restart on the same port is the same issuer with other keys", async () => {
  const first = await start();
  const token = await first.token();
  await first.close();
  await first.close();
  const second = await start({ port: first.port });
  expect(second.url).toBe(first.url);
  await expect(verify(second, token, "api")).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
});

test("requests are counted by path", async () => {
  const issuer = await start();
  await issuer.token();
  await issuer.token();
  expect([issuer.requestsTo("/token"), issuer.requestsTo("/jwks")]).toEqual([2, 0]);
});

test("a taken port is named", async () => {
  const issuer = await start();
  await expect(startIssuer({ port: issuer.port })).rejects.toMatchObject({
    name: "Failure",
    message: `the identity provider cannot listen: listen EADDRINUSE: address already in use 127.0.0.1:${issuer.port}`,
    hint: "free the port or choose 0",
  });
});

test("starting it prints nothing, and the runtime looks as before", async () => {
  const source = `
    const { startIssuer } = await import(${JSON.stringify(new URL("../src/index.ts", import.meta.url).href)});
    const before = process.release.lts;
    const issuer = await startIssuer();
    await issuer.token();
    await issuer.close();
    process.exit(process.release.lts === before ? 0 : 1);
  `;
  const run = spawnSync(process.execPath, ["-C", "@smcp/source", "--input-type=module", "-e", source], {
    encoding: "utf8",
  });
  expect([run.status, run.stdout, run.stderr]).toEqual([0, "", ""]);
});
