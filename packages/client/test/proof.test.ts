import { createSign, generateKeyPairSync, randomUUID, X509Certificate, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ClientSignIn } from "@smcp/config";
import { Secret } from "@smcp/core";
import { startIssuer, type Issuer } from "@smcp/demo";
import { certificateAuthority } from "@smcp/testing";
import { expect, onTestFinished, test } from "vitest";

import { startClient, type Client } from "../src/index.ts";
import { startBackend, type Backend } from "./backend.ts";
import { say, startFakeIssuer, type FakeIssuer } from "./fake-issuer.ts";
import { keepLog } from "./log.ts";
import { settingsFor } from "./settings.ts";
import { post } from "./speak.ts";

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "smcp-proof-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

async function start(oidc: Partial<ClientSignIn>): Promise<{ client: Client; backend: Backend; lines: string[] }> {
  const backend = await startBackend();
  const log = keepLog();
  const client = await startClient(
    settingsFor(backend.url, { authMode: "oidc", oidc: { resource: "off", ...oidc } }),
    log,
  );
  onTestFinished(async () => {
    await client.close();
    await backend[Symbol.asyncDispose]();
  });
  return { client, backend, lines: log.lines };
}

const subjectOf = (backend: Backend): unknown => {
  const payload = backend.seen.at(-1)?.headers["authorization"]?.split(".")[1] ?? "";
  return (JSON.parse(Buffer.from(payload, "base64url").toString()) as { client_id: unknown }).client_id;
};

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const basic = (secret: string): string => `Basic ${Buffer.from(`m:${secret}`).toString("base64")}`;

const publicJwk = (key: KeyObject, more: object): Record<string, unknown> => ({
  ...(key.export({ format: "jwk" }) as Record<string, unknown>),
  use: "sig",
  ...more,
});

function clientOf(id: string, key: KeyObject, more: object = {}): object {
  return { id, secret: "", authMethod: "private_key_jwt", jwks: { keys: [publicJwk(key, more)] } };
}

const KEYS = {
  rsa: generateKeyPairSync("rsa", { modulusLength: 2_048 }),
  ec: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  ed: generateKeyPairSync("ed25519"),
};
const pem = (key: KeyObject): string => key.export({ format: "pem", type: "pkcs8" });
const jwk = (key: KeyObject, more: object): string => JSON.stringify({ ...key.export({ format: "jwk" }), ...more });

test("a private key signs the client in at a real provider: RSA, EC and Ed25519, in PEM and as a JWK", async () => {
  const { rsa, ec, ed } = KEYS;
  await using issuer: Issuer = await startIssuer({
    clients: [
      clientOf("by-rsa", rsa.publicKey),
      clientOf("by-ec", ec.publicKey, { kid: "k1" }),
      clientOf("by-ed", ed.publicKey),
    ] as never,
  });
  const files = {
    "by-rsa": pem(rsa.privateKey),
    "by-ec": jwk(ec.privateKey, { kid: "k1", alg: "ES256" }),
    "by-ed": pem(ed.privateKey),
  };
  const place = folder();
  for (const [id, text] of Object.entries(files)) {
    const file = join(place, id);
    writeFileSync(file, text);
    const { client, backend, lines } = await start({ issuer: issuer.url, clientId: id, privateKeyFile: file });
    expect(await post(client.url, "/v1/docs", CALL), lines.join("\n")).toMatchObject({ status: 200, body: CALL });
    expect(subjectOf(backend)).toBe(id);
  }
});

test("a workload's token signs the client in at a real provider, and is read at each use", async () => {
  const { privateKey, publicKey } = KEYS.rsa;
  await using issuer: Issuer = await startIssuer({
    clients: [clientOf("workload", publicKey)] as never,
    tokenTtl: 1_000,
  });
  const file = join(folder(), "token");
  const project = (): void => {
    const now = Math.floor(Date.now() / 1_000);
    const claims = { iss: "workload", sub: "workload", aud: issuer.url, jti: randomUUID(), iat: now, exp: now + 60 };
    const signed = `${part({ alg: "RS256" })}.${part(claims)}`;
    writeFileSync(file, `${signed}.${createSign("sha256").update(signed).sign(privateKey, "base64url")}\n`);
  };
  project();
  const { client, backend, lines } = await start({ issuer: issuer.url, clientId: "workload", assertionFile: file });
  expect(await post(client.url, "/v1/docs", CALL), lines.join("\n")).toMatchObject({ status: 200 });
  expect(subjectOf(backend)).toBe("workload");
  // The provider takes each only once, and the access token ends within a second.
  project();
  const first = backend.seen.at(-1)?.headers["authorization"];
  await expect
    .poll(
      async () => {
        await post(client.url, "/v1/docs", CALL);
        return backend.seen.at(-1)?.headers["authorization"] === first;
      },
      { timeout: 10_000 },
    )
    .toBe(false);
});

async function startFake(
  oidc: Partial<ClientSignIn>,
): Promise<Awaited<ReturnType<typeof start>> & { issuer: FakeIssuer }> {
  const issuer = await startFakeIssuer();
  onTestFinished(() => issuer[Symbol.asyncDispose]());
  return { ...(await start({ issuer: issuer.url, clientId: "m", ...oidc })), issuer };
}

const formOf = (issuer: FakeIssuer, at = -1): URLSearchParams => new URLSearchParams(issuer.grants.at(at)?.body);

test("a client secret's file is read again at each token request", async () => {
  const file = join(folder(), "secret");
  writeFileSync(file, "one\n");
  const { client, issuer } = await startFake({ clientSecret: new Secret("one"), clientSecretFile: file });
  issuer.expiresIn = 1;
  await post(client.url, "/v1/docs", CALL);
  expect(issuer.grants[0]?.headers["authorization"]).toBe(basic("one"));
  writeFileSync(file, "two\n");
  await expect
    .poll(
      async () => {
        await post(client.url, "/v1/docs", CALL);
        return issuer.grants.at(-1)?.headers["authorization"];
      },
      { timeout: 10_000 },
    )
    .toBe(basic("two"));
});

test("an assertion goes out as RFC 7523 says, with the client's id", async () => {
  const file = join(folder(), "token");
  writeFileSync(file, "header.payload.signature\n");
  const { client, issuer } = await startFake({ assertionFile: file });
  await post(client.url, "/v1/docs", CALL);
  expect(Object.fromEntries(formOf(issuer))).toEqual({
    grant_type: "client_credentials",
    scope: "openid",
    client_id: "m",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: "header.payload.signature",
  });
  expect(issuer.grants[0]?.headers["authorization"]).toBeUndefined();
});

const headerOf = (issuer: FakeIssuer): Record<string, unknown> => {
  const header = (formOf(issuer).get("client_assertion") ?? "").split(".")[0] ?? "";
  return JSON.parse(Buffer.from(header, "base64url").toString()) as Record<string, unknown>;
};

test("the assertion's header follows key and issuer: PS256 where RS256 is not taken, EdDSA's older name, a certificate's print", async () => {
  const file = join(folder(), "key.pem");
  const headerFor = async (text: string, algorithm: string): Promise<Record<string, unknown>> => {
    writeFileSync(file, text);
    const { client, issuer } = await startFake({ privateKeyFile: file });
    issuer.metadata = { token_endpoint_auth_signing_alg_values_supported: [algorithm] };
    await post(client.url, "/v1/docs", CALL);
    return headerOf(issuer);
  };
  expect(await headerFor(pem(KEYS.rsa.privateKey), "PS256")).toEqual({ alg: "PS256" });
  expect(await headerFor(pem(KEYS.ed.privateKey), "EdDSA")).toEqual({ alg: "EdDSA" });
  const { cert, key } = certificateAuthority().issue("workload");
  const print = new X509Certificate(cert).fingerprint256.replaceAll(":", "");
  expect(await headerFor(key + cert, "ES256")).toEqual({
    alg: "ES256",
    "x5t#S256": Buffer.from(print, "hex").toString("base64url"),
  });
});

const LOCKED = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" },
  publicKeyEncoding: { type: "spki", format: "pem" },
}).privateKey;

const UNUSABLE: readonly (readonly [string, "privateKeyFile" | "assertionFile", string | undefined, string])[] = [
  ["a key that is gone", "privateKeyFile", undefined, 'the private key file "FILE" cannot be read (ENOENT)'],
  ["an empty key", "privateKeyFile", "\n", 'the private key file "FILE" is empty'],
  [
    "something else",
    "privateKeyFile",
    "s3cret",
    'the private key file "FILE" holds no private key, in PEM or as a JWK',
  ],
  [
    "a broken JWK",
    "privateKeyFile",
    '{"d":"s3cret',
    'the private key file "FILE" holds no private key, in PEM or as a JWK',
  ],
  ["a locked key", "privateKeyFile", LOCKED, 'the private key file "FILE" is locked by a passphrase'],
  [
    "a key for other uses",
    "privateKeyFile",
    pem(generateKeyPairSync("x25519").privateKey),
    'the private key file "FILE" holds a key of a kind that signs no assertions (x25519)',
  ],
  ["a token that is gone", "assertionFile", undefined, 'the assertion file "FILE" cannot be read (ENOENT)'],
  [
    "two lines",
    "assertionFile",
    "s3cret\ns3cret",
    'the assertion file "FILE" does not hold one line of visible ASCII characters',
  ],
];

for (const [title, kind, text, message] of UNUSABLE) {
  test(`${title}: 40102 with the file's name and nothing of what is in it; nobody is asked`, async () => {
    const file = join(folder(), "proof");
    if (text !== undefined) writeFileSync(file, text);
    const { client, issuer, lines } = await startFake({ [kind]: file });
    const answer = await post(client.url, "/v1/docs", CALL);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 40102, message: message.replace("FILE", file) } });
    expect(issuer.grants).toEqual([]);
    expect(answer.body + lines.join("\n")).not.toContain("s3cret");
  });
}

test("an issuer that refuses the key is told with what to check", async () => {
  const file = join(folder(), "key.pem");
  writeFileSync(file, pem(KEYS.ec.privateKey));
  const { client, issuer } = await startFake({ privateKeyFile: file });
  issuer.grant = (_, response) => say(response, 401, { error: "invalid_client" });
  const answer = await post(client.url, "/v1/docs", CALL);
  expect(JSON.parse(answer.body)).toMatchObject({
    error: {
      code: 40102,
      message: `the identity provider ${issuer.host} refused this client: invalid_client; check --oidc-client-id and the client secret`,
    },
  });
});
