import { generateKeyPair } from "jose";
import { Agent, request } from "undici";
import { describe, expect, it } from "vitest";

import { httpBackend, recordingBackend, sendRaw, signingIssuer, startTestServer, trust } from "@smcp/testing";

import { hashOf, keyHolder, type KeyHolder, type ProofChanges } from "./dpop-caller.ts";

const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}';
const ALGORITHMS = 'algs="ES256 EdDSA Ed25519"';

async function house(server: Parameters<typeof startTestServer>[0]["server"] = {}) {
  const issuer = await signingIssuer();
  const backend = await recordingBackend();
  const running = await startTestServer({
    backends: [httpBackend("docs", backend.url)],
    issuers: [trust(issuer.issuer)],
    server,
  });
  await expect.poll(async () => (await request(`${running.url}/readyz`)).statusCode).toBe(200);
  const caller = await keyHolder();
  const token = await issuer.token({ cnf: { jkt: caller.thumbprint } });
  return {
    issuer,
    backend,
    caller,
    token,
    origin: running.url,
    url: `${running.url}/docs`,
    metadata: `${running.url}/.well-known/oauth-protected-resource/docs`,
    /** Why the last request was refused, in the log. */
    reason: () => running.lines.findLast((line) => "refused" in line.fields)?.fields["reason"],
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
      await issuer[Symbol.asyncDispose]();
    },
  };
}

type House = Awaited<ReturnType<typeof house>>;

const send = (url: string, headers: Readonly<Record<string, string | string[]>>, dispatcher?: Agent) =>
  request(url, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
    ...(dispatcher && { dispatcher }),
  });

const prove = (at: House, changes?: ProofChanges, by: KeyHolder = at.caller): Promise<string> =>
  by.proof({ token: at.token, url: at.url }, changes);

const seconds = (): number => Math.floor(Date.now() / 1_000);

describe("a token that is bound to a key", () => {
  it.each(["ES256", "EdDSA"])("is good with a proof by that key, %s, at each request anew", async (algorithm) => {
    await using at = await house();
    const caller = await keyHolder(algorithm);
    const token = await at.issuer.token({ cnf: { jkt: caller.thumbprint } });
    for (const scheme of ["DPoP", "dpop"]) {
      const dpop = await caller.proof({ token, url: at.url });
      const answer = await send(at.url, { authorization: `${scheme} ${token}`, dpop });
      expect(answer.statusCode).toBe(200);
      await answer.body.dump();
    }
    expect(at.backend.seen.map(({ headers }) => headers["x-subject"])).toEqual(["alice", "alice"]);
    // Neither the credential nor the proof is the backend's.
    for (const { headers } of at.backend.seen) expect(headers).not.toHaveProperty("dpop");
    for (const { headers } of at.backend.seen) expect(headers).not.toHaveProperty("authorization");
  });

  it("is good with Ed25519 by the name of RFC 9864", async () => {
    await using at = await house();
    const caller = await keyHolder("EdDSA");
    const token = await at.issuer.token({ cnf: { jkt: caller.thumbprint } });
    const dpop = await caller.proof({ token, url: at.url }, { header: { alg: "Ed25519" } });
    expect((await send(at.url, { authorization: `DPoP ${token}`, dpop })).statusCode).toBe(200);
  });

  it("is proved for the public URL, whatever the address that was asked", async () => {
    await using at = await house({ publicUrl: "https://mcp.example.com" });
    const ask = async (url: string): Promise<number> => {
      const dpop = await at.caller.proof({ token: at.token, url });
      return (await send(`${at.url}/x?a=b`, { authorization: `DPoP ${at.token}`, dpop })).statusCode;
    };
    expect(await ask("https://mcp.example.com/docs/x")).toBe(200);
    // Spellings of the same, and what a proof may have too much of.
    expect(await ask("https://MCP.example.com:443/docs/x?a=b#c")).toBe(200);
    expect(await ask(`${at.url}/x`)).toBe(401);
    expect(at.backend.seen).toHaveLength(2);
  });

  it("is proved for the URL that a trusted proxy tells, and no other tells one", async () => {
    const headers = { "x-forwarded-proto": "https", "x-forwarded-host": "mcp.example.com" };
    for (const [trustedProxies, status] of [
      [["127.0.0.1/32"], 200],
      [["10.0.0.0/8"], 401],
    ] as const) {
      await using at = await house({ trustedProxies });
      const dpop = await at.caller.proof({ token: at.token, url: "https://mcp.example.com/docs" });
      expect((await send(at.url, { ...headers, authorization: `DPoP ${at.token}`, dpop })).statusCode).toBe(status);
    }
  });

  it("opens the server's own routes as well", async () => {
    await using at = await house();
    const url = `${at.origin}/api/models`;
    const authorization = `DPoP ${at.token}`;
    const dpop = await at.caller.proof({ token: at.token, url }, { claims: { htm: "GET" } });
    expect((await request(url, { headers: { authorization, dpop } })).statusCode).toBe(200);
    expect((await request(url, { headers: { authorization, dpop } })).statusCode).toBe(401);
  });
});

const expectRefusal = async (at: House, answer: Awaited<ReturnType<typeof send>>, reason: string | RegExp) => {
  expect(answer.statusCode).toBe(401);
  expect(answer.headers["www-authenticate"]).toBe(
    `DPoP error="invalid_dpop_proof", ${ALGORITHMS}, resource_metadata="${at.metadata}"`,
  );
  expect(await answer.body.json()).toMatchObject({
    error: { code: 40101, message: "the proof of possession is not valid here" },
  });
  expect(at.reason()).toMatch(typeof reason === "string" ? `the proof: ${reason}` : reason);
};

describe("T30: what is not proved reaches no backend", () => {
  const stolen: [title: string, headers: (at: House) => Promise<Record<string, string>>, reason: string][] = [
    [
      "a bound token that comes alone",
      async ({ token }) => ({ authorization: `Bearer ${token}` }),
      "it is bound to a key, and comes alone",
    ],
    [
      "a bound token as Bearer, with its proof",
      async (at) => ({ authorization: `Bearer ${at.token}`, dpop: await prove(at) }),
      "it is bound to a key, and comes alone",
    ],
    [
      "a token that is bound to no key, with a proof",
      async ({ issuer, caller, url }) => {
        const token = await issuer.token();
        return { authorization: `DPoP ${token}`, dpop: await caller.proof({ token, url }) };
      },
      "it is bound to no key, and comes as if it were",
    ],
    [
      "a proof beside a token that is none",
      async (at) => ({ authorization: "DPoP opaque", dpop: await prove(at) }),
      "it is not shaped like a JWT",
    ],
  ];
  it.each(stolen)("%s: 401, invalid_token", async (_, headers, reason) => {
    await using at = await house();
    const answer = await send(at.url, await headers(at));
    expect(answer.statusCode).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer resource_metadata="${at.metadata}", error="invalid_token", DPoP error="invalid_token", ${ALGORITHMS}`,
    );
    expect(await answer.body.json()).toMatchObject({ error: { code: 40101, message: "the token is not valid here" } });
    expect(at.reason()).toBe(reason);
    expect(at.backend.seen).toEqual([]);
  });

  it.each([
    ["a certificate", { "x5t#S256": "a".repeat(43) }],
    ["a key and a certificate", { jkt: "a".repeat(43), "x5t#S256": "a".repeat(43) }],
    ["a thumbprint that is none", { jkt: "short" }],
    ["a text", "key"],
    ["nothing", null],
  ])("a token that is bound to %s: 401, whatever it comes with", async (_, cnf) => {
    await using at = await house();
    const token = await at.issuer.token({ cnf });
    const dpop = await at.caller.proof({ token, url: at.url });
    expect((await send(at.url, { authorization: `DPoP ${token}`, dpop })).statusCode).toBe(401);
    expect((await send(at.url, { authorization: `Bearer ${token}` })).statusCode).toBe(401);
    expect(at.reason()).toBe("it is bound to something that cannot be proved here");
    expect(at.backend.seen).toEqual([]);
  });

  const NOT_ONE = "it is not one JWT";
  const OTHER_KEY = "its key is of another algorithm";
  type Make = (at: House) => Promise<string> | string;
  const rows: [title: string, make: Make, reason: string | RegExp][] = [
    ["an empty one", () => "", NOT_ONE],
    ["one that is no JWT", () => "a.b", NOT_ONE],
    ["two in one header", async (at) => `${await prove(at)}, ${await prove(at)}`, NOT_ONE],
    ["one with a trailing equals sign", async (at) => `${await prove(at)}=`, NOT_ONE],
    ["one of 5 KiB", (at) => prove(at, { claims: { more: "x".repeat(5_000) } }), NOT_ONE],
    ["one without a type", (at) => prove(at, { header: { typ: undefined } as never }), 'its type is not "dpop+jwt"'],
    ["an access token", (at) => at.token, 'its type is not "dpop+jwt"'],
    ["no algorithm", async (at) => unsigned(await prove(at)), "its algorithm is not one of proofs"],
    [
      "a secret's algorithm",
      (at) => prove(at, { header: { alg: "HS256" }, signer: Buffer.from("0123456789abcdef0123456789abcdef") }),
      "its algorithm is not one of proofs",
    ],
    [
      "an algorithm that is not ours",
      async (at) => prove(at, {}, await keyHolder("RS256")),
      "its algorithm is not one of proofs",
    ],
    [
      "an extension",
      async (at) => withHeader(await prove(at), { crit: ["exp"] }),
      "it has an extension that is not known",
    ],
    ["no key", (at) => prove(at, { header: { jwk: undefined } as never }), "it brings no key"],
    ["a private key", (at) => prove(at, { header: { jwk: at.caller.privateJwk } }), "its key is not public"],
    [
      "a secret as its key",
      (at) => prove(at, { header: { jwk: { kty: "oct", k: "AA" } as never } }),
      "its key is not public",
    ],
    [
      "a key of another curve",
      (at) => prove(at, { header: { jwk: { ...at.caller.publicJwk, crv: "P-384" } } }),
      OTHER_KEY,
    ],
    [
      "half a key",
      (at) => prove(at, { header: { jwk: { kty: "EC", crv: "P-256", x: "A".repeat(43) } } }),
      /incomplete/,
    ],
    [
      "a key that is no point",
      (at) => prove(at, { header: { jwk: { ...at.caller.publicJwk, y: "A".repeat(43) } } }),
      "its key is no point of the curve",
    ],
    [
      "another's signature",
      async (at) => prove(at, { signer: (await generateKeyPair("ES256")).privateKey }),
      "its signature is not by its key",
    ],
    ["a changed claim", async (at) => withClaim(await prove(at), { htu: at.url }), "its signature is not by its key"],
    ["another method", (at) => prove(at, { claims: { htm: "GET" } }), "it is not for POST"],
    ["a method in small letters", (at) => prove(at, { claims: { htm: "post" } }), "it is not for POST"],
    [
      "another path",
      (at) => prove(at, { claims: { htu: `${at.origin}/other` } }),
      /^the proof: it is not for http.*\/docs$/,
    ],
    ["a path below", (at) => prove(at, { claims: { htu: `${at.url}/x` } }), /^the proof: it is not for http/],
    [
      "another host",
      (at) => prove(at, { claims: { htu: "http://127.0.0.1:1/docs" } }),
      /^the proof: it is not for http/,
    ],
    [
      "another scheme",
      (at) => prove(at, { claims: { htu: at.url.replace("http", "https") } }),
      /^the proof: it is not for http/,
    ],
    ["no URL", (at) => prove(at, { claims: { htu: undefined } }), /^the proof: it is not for http/],
    ["a time that is past", (at) => prove(at, { claims: { iat: seconds() - 62 } }), /^the proof: it is 6\d s old$/],
    [
      "a time to come",
      (at) => prove(at, { claims: { iat: seconds() + 8 } }),
      /^the proof: it is [78] s ahead of this clock$/,
    ],
    ["no time", (at) => prove(at, { claims: { iat: undefined } }), "it has no time"],
    ["a time that is text", (at) => prove(at, { claims: { iat: String(seconds()) } }), "it has no time"],
    ["another token", (at) => prove(at, { claims: { ath: hashOf("other") } }), "it is for another token"],
    ["no token", (at) => prove(at, { claims: { ath: undefined } }), "it is for another token"],
    ["no name", (at) => prove(at, { claims: { jti: undefined } }), "it has no short name"],
    ["a name of 300 letters", (at) => prove(at, { claims: { jti: "j".repeat(300) } }), "it has no short name"],
    [
      "another key",
      async (at) => prove(at, {}, await keyHolder()),
      "its key is not the one that the token is bound to",
    ],
  ];

  it.each(rows)("a proof with %s: 401, invalid_dpop_proof", async (_, make, reason) => {
    await using at = await house();
    const dpop = await make(at);
    await expectRefusal(at, await send(at.url, { authorization: `DPoP ${at.token}`, dpop }), reason);
    expect(at.backend.seen).toEqual([]);
  });

  it("no proof at all: 401", async () => {
    await using at = await house();
    await expectRefusal(at, await send(at.url, { authorization: `DPoP ${at.token}` }), "there is none");
    expect(at.backend.seen).toEqual([]);
  });

  it("two headers with a good proof each: 401", async () => {
    await using at = await house();
    const proofs = `DPoP: ${await prove(at)}\nDPoP: ${await prove(at)}`;
    const { host } = new URL(at.url);
    const head = `POST /docs HTTP/1.1\nHost: ${host}\nAuthorization: DPoP ${at.token}\n${proofs}`;
    const length = `Content-Type: application/json\nContent-Length: ${body.length}`;
    const answer = await sendRaw(at.url, `${head}\n${length}\nConnection: close\n\n${body}`);
    expect(answer.status).toBe(401);
    expect(answer.headers["www-authenticate"]).toContain('DPoP error="invalid_dpop_proof"');
    expect(at.backend.seen).toEqual([]);
  });

  it("a proof is good once, on its own connection and on others, and another spelling of it is the same", async () => {
    await using at = await house();
    const authorization = `DPoP ${at.token}`;
    const one = new Agent({ connections: 1, pipelining: 1 });
    const dpop = await prove(at);
    const first = await send(at.url, { authorization, dpop }, one);
    expect(first.statusCode).toBe(200);
    await first.body.dump();
    await expectRefusal(at, await send(at.url, { authorization, dpop }, one), "it was used before");
    await expectRefusal(at, await send(at.url, { authorization, dpop }), "it was used before");
    await expectRefusal(at, await send(at.url, { authorization, dpop: twin(dpop) }), "it was used before");
    const second = await send(at.url, { authorization, dpop: await prove(at) }, one);
    expect(second.statusCode).toBe(200);
    await second.body.dump();
    expect(at.backend.seen).toHaveLength(2);
    await one.close();
  });

  it("a connection that proved itself proves itself again", async () => {
    await using at = await house();
    const authorization = `DPoP ${at.token}`;
    const one = new Agent({ connections: 1, pipelining: 1 });
    const first = await send(at.url, { authorization, dpop: await prove(at) }, one);
    expect(first.statusCode).toBe(200);
    await first.body.dump();
    for (const headers of [{ authorization }, { authorization, dpop: "x" }, { authorization: `Bearer ${at.token}` }]) {
      const answer = await send(at.url, headers, one);
      expect(answer.statusCode).toBe(401);
      await answer.body.dump();
    }
    expect(at.backend.seen).toHaveLength(1);
    await one.close();
  });

  it("a name that two keys use is two names", async () => {
    await using at = await house();
    const other = await keyHolder();
    const token = await at.issuer.token({ cnf: { jkt: other.thumbprint } });
    const claims = { jti: "the same" };
    const mine = await prove(at, { claims });
    const theirs = await other.proof({ token, url: at.url }, { claims });
    expect((await send(at.url, { authorization: `DPoP ${at.token}`, dpop: mine })).statusCode).toBe(200);
    expect((await send(at.url, { authorization: `DPoP ${token}`, dpop: theirs })).statusCode).toBe(200);
  });
});

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const decode = (part = ""): object => JSON.parse(Buffer.from(part, "base64url").toString()) as object;

function withHeader(proof: string, members: object): string {
  const [head, ...rest] = proof.split(".");
  return [encode({ ...decode(head), ...members }), ...rest].join(".");
}

function withClaim(proof: string, members: object): string {
  const [head, claims, signature] = proof.split(".");
  return [head, encode({ ...decode(claims), ...members, more: 1 }), signature].join(".");
}

function unsigned(proof: string): string {
  return withHeader(proof, { alg: "none" });
}

/** The other signature that the same key and text have: (r, n - s). */
function twin(proof: string): string {
  const [head, claims, signature = ""] = proof.split(".");
  const bytes = Buffer.from(signature, "base64url");
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const s = order - BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  bytes.write(s.toString(16).padStart(64, "0"), 32, "hex");
  return [head, claims, bytes.toString("base64url")].join(".");
}
