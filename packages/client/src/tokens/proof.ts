/**
 * How this client proves who it is at an issuer: by a secret, by a key, or by a token that its platform puts into a file.
 * Files are read at each proof, so that whoever rotates them need tell nobody.
 */
import { createHash, createPrivateKey, X509Certificate, type KeyObject, type webcrypto } from "node:crypto";

import type { Secret } from "@smcp/core";
import type * as OpenidClient from "openid-client";
import type { ClientAuth, ServerMetadata } from "openid-client";

import { IssuerUnusable } from "./issuer-metadata.ts";
import { readSecretFile, readTokenFile, SecretFileUnusable } from "./secret-file.ts";

/** The ways to send a client secret. */
export type SecretMethod = "client_secret_basic" | "client_secret_post";

/** What the client has to prove itself with. */
export type Proof =
  | {
      readonly kind: "secret";
      readonly secret: Secret;
      /** The file that the secret is in, where it is in one. */
      readonly file?: string | undefined;
      /** `undefined`: what the issuer's metadata prefers. */
      readonly method?: SecretMethod | undefined;
    }
  /** A private key, PEM or JWK. */
  | { readonly kind: "key"; readonly file: string }
  /** A token about this workload. */
  | { readonly kind: "assertion"; readonly file: string };

type Library = typeof OpenidClient;

const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/**
 * The proof as openid-client takes it. It rejects with {@link SecretFileUnusable} when a file cannot be used.
 *
 * @throws {IssuerUnusable} where the issuer takes no such proof
 */
export function clientAuth(library: Library, proof: Proof, metadata: ServerMetadata): ClientAuth {
  if (proof.kind === "secret") return bySecret(library, proof, metadata);
  if (proof.kind === "key") return byKey(library, proof.file, metadata);
  return async (_, { client_id: id }, body) => {
    const assertion = await readTokenFile(proof.file, "assertion");
    body.set("client_id", id);
    body.set("client_assertion_type", ASSERTION_TYPE);
    body.set("client_assertion", assertion.reveal());
  };
}

function bySecret(library: Library, proof: Proof & { kind: "secret" }, metadata: ServerMetadata): ClientAuth {
  const offered = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
  const known = ["client_secret_basic", "client_secret_post"] as const;
  const method = proof.method ?? known.find((one) => offered.includes(one));
  if (method === undefined) throw new IssuerUnusable("takes no client secret; --oidc-auth-method forces one");
  const send = method === "client_secret_basic" ? basic : library.ClientSecretPost;
  const { file, secret } = proof;
  if (file === undefined) return send(secret.reveal());
  return async (server, client, body, headers) => {
    const current = await readSecretFile(file, "client secret");
    send(current.reveal())(server, client, body, headers);
  };
}

/** As RFC 6749 wants it, and no more: what a form leaves as it is also reaches issuers that decode nothing. */
function basic(secret: string): ClientAuth {
  return (_, { client_id: id }, __, headers) => {
    const pair = Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString("base64");
    headers.set("authorization", `Basic ${pair}`);
  };
}

function formEncoded(text: string): string {
  return new URLSearchParams([["", text]]).toString().slice(1);
}

function byKey(library: Library, file: string, metadata: ServerMetadata): ClientAuth {
  const { token_endpoint_auth_signing_alg_values_supported: offered } = metadata;
  return async (server, client, body, headers) => {
    const { key, kid, algorithm, thumbprint } = readKey((await readSecretFile(file, "private key")).reveal(), file);
    const usable = cryptoKey(key, algorithm ?? rsaAlgorithm(offered), file);
    const prove = library.PrivateKeyJwt(kid === undefined ? usable : { key: usable, kid }, {
      [library.modifyAssertion]: (header) => {
        // By its certificate: how Entra finds a key.
        if (thumbprint !== undefined) header["x5t#S256"] = thumbprint;
        // The older name of the same algorithm, for issuers that know no other.
        if (header["alg"] === "Ed25519" && offered?.includes("EdDSA") && !offered.includes("Ed25519")) {
          header["alg"] = "EdDSA";
        }
      },
    });
    // It is asynchronous, whatever its type says.
    const proving: unknown = prove(server, client, body, headers);
    await proving;
  };
}

/** What a key file says. */
interface KeyFile {
  readonly key: KeyObject;
  readonly kid: string | undefined;
  /** Of a JWK that names one. */
  readonly algorithm: string | undefined;
  /** Of the certificate beside the key, SHA-256 in base64url. */
  readonly thumbprint: string | undefined;
}

/**
 * Reads a private key: a JWK, or PEM with or without its certificate.
 *
 * @throws {SecretFileUnusable} for anything else
 */
function readKey(text: string, file: string): KeyFile {
  const name = `the private key file "${file}"`;
  const isJwk = text.trimStart().startsWith("{");
  try {
    if (isJwk) {
      const jwk = JSON.parse(text) as Record<string, unknown>;
      const { kid, alg, "x5t#S256": thumbprint } = jwk;
      return {
        key: createPrivateKey({ key: jwk, format: "jwk" }),
        kid: textOr(kid),
        algorithm: textOr(alg),
        thumbprint: textOr(thumbprint),
      };
    }
    const thumbprint = text.includes("-----BEGIN CERTIFICATE-----") ? thumbprintOf(text) : undefined;
    return { key: createPrivateKey(text), kid: undefined, algorithm: undefined, thumbprint };
  } catch {
    // What the parsers say may quote the key.
    const isLocked = !isJwk && text.includes("ENCRYPTED");
    throw new SecretFileUnusable(
      isLocked ? `${name} is locked by a passphrase` : `${name} holds no private key, in PEM or as a JWK`,
    );
  }
}

function textOr(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function thumbprintOf(pem: string): string {
  return createHash("sha256").update(new X509Certificate(pem).raw).digest("base64url");
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };

/** What an issuer that is particular about RSA takes; else what all of them do. */
function rsaAlgorithm(offered: readonly string[] | undefined): string {
  return offered && !offered.includes("RS256") && offered.includes("PS256") ? "PS256" : "RS256";
}

function cryptoKey(key: KeyObject, rsa: string, file: string): webcrypto.CryptoKey {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const curve = CURVES[details?.namedCurve ?? ""];
  if (type === "rsa" || type === "rsa-pss") {
    const isPss = type === "rsa-pss" || rsa.startsWith("PS");
    const hash = `SHA-${/\d{3}$/.exec(rsa)?.[0] ?? "256"}`;
    return key.toCryptoKey({ name: isPss ? "RSA-PSS" : "RSASSA-PKCS1-v1_5", hash }, false, ["sign"]);
  }
  if (type === "ec" && curve !== undefined)
    return key.toCryptoKey({ name: "ECDSA", namedCurve: curve }, false, ["sign"]);
  if (type === "ed25519") return key.toCryptoKey({ name: "Ed25519" }, false, ["sign"]);
  throw new SecretFileUnusable(
    `the private key file "${file}" holds a key of a kind that signs no assertions (${type})`,
  );
}
