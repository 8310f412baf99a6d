/**
 * An issuer in a test's hands: real keys, real discovery and key set over loopback, and tokens that no honest issuer would
 * sign. It can rotate, hang, answer nonsense and be away. For honest flows use the real provider of `@smcp/demo`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";

import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTHeaderParameters } from "jose";

export interface SigningIssuer extends AsyncDisposable {
  readonly issuer: string;
  /** Paths asked for, in order. */
  readonly asked: readonly string[];
  /** A token: good unless the claims or the header say otherwise. `undefined` removes a claim. */
  token(claims?: Readonly<Record<string, unknown>>, header?: Partial<JWTHeaderParameters>): Promise<string>;
  /** Publishes a new key instead of the present one. */
  rotate(): Promise<void>;
  /** How it answers from now on: as it should, with 500, or never. */
  mode: "up" | "failing" | "hanging";
  /** Answers the key set with this text instead of the keys. */
  keysText: string | undefined;
}

interface Key {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

/** @param tls speak https with this certificate */
export async function signingIssuer(algorithm = "ES256", tls?: ServerOptions): Promise<SigningIssuer> {
  let count = 0;
  const makeKey = async (): Promise<Key> => {
    const kid = `key-${++count}`;
    const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
    return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: "sig" } };
  };
  let key = await makeKey();
  const asked: string[] = [];
  const server = tls ? createSecureServer(tls) : createServer();
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? "";
    asked.push(path);
    if (issuer.mode === "hanging") return;
    answer(path, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const issuer: SigningIssuer = {
    issuer: `${tls ? "https" : "http"}://127.0.0.1:${port}`,
    asked,
    mode: "up",
    keysText: undefined,
    token(claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const whole = {
        iss: issuer.issuer,
        aud: "api",
        sub: "alice",
        iat: now,
        exp: now + 600,
        client_id: "app",
        ...claims,
      };
      return new SignJWT(whole)
        .setProtectedHeader({ alg: algorithm, kid: key.kid, typ: "at+jwt", ...header })
        .sign(key.privateKey);
    },
    async rotate() {
      key = await makeKey();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const answer = (path: string, response: ServerResponse): void => {
    response.setHeader("content-type", "application/json");
    if (issuer.mode === "failing") response.writeHead(500).end("{}");
    else if (path === "/jwks") response.end(issuer.keysText ?? JSON.stringify({ keys: [key.jwk] }));
    else if (path === "/token") void issuer.token().then((token) => response.end(grant(token)));
    else response.end(metadata(issuer.issuer));
  };
  return issuer;
}

function grant(token: string): string {
  return JSON.stringify({ access_token: token, token_type: "Bearer", expires_in: 600 });
}

function metadata(issuer: string): string {
  return JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks`, token_endpoint: `${issuer}/token` });
}
