/** `auth`, `oidc`, `sso` and `client`: whose tokens are good, and how people get one. */
import { z } from "zod";
import { field } from "../field.ts";
import { duration, httpUrl, issuerUrl, name, onOff, oneOf, oneOrMore, secret, text, maybe } from "../scalars.ts";

export const auth = z
  .strictObject({
    mode: field(oneOf(["none", "oidc"]).optional(), {
      description: "whether callers have to sign in",
      fallback: "oidc as soon as a kind of caller is configured, else none",
    }),
  })
  .prefault({});

/** The algorithms that are good where an issuer names none. */
export const DEFAULT_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"] as const;

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const some = z.array(scalar).min(1);
const claimRule = field(
  z.union([
    scalar,
    some,
    z.strictObject({
      all: field(some.optional(), { description: "each of these" }),
      any: field(some.optional(), { description: "at least one of these" }),
      not: field(some.optional(), { description: "none of these" }),
      exists: field(z.literal(true).optional(), { description: "present and not null" }),
    }),
  ]),
  { expected: "text, a number, true or false, a list of them, or one of all, any, not, exists" },
);

// Looking such a name up would reach the language's own objects instead of the token.
const isClaimName = (key: string): boolean =>
  key !== "" && !key.split(".").some((part) => ["__proto__", "constructor", "prototype"].includes(part));

const claims = (): z.ZodDefault<z.ZodRecord<z.ZodString, typeof claimRule>> =>
  z
    .record(
      field(z.string().refine(isClaimName), { expected: "the name of a claim, or a path of names with dots" }),
      claimRule,
    )
    .default({});

const issuer = z.strictObject({
  issuer: field(issuerUrl(), { description: "the issuer's identifier, exactly as its tokens have it" }),
  audience: field(oneOrMore(text()).optional(), {
    description: "audiences that are good in its tokens",
    fallback: "oidc.audience",
  }),
  algorithms: field(
    z
      .array(oneOf([...DEFAULT_ALGORITHMS, "ES384", "ES512"]))
      .min(1)
      .default([...DEFAULT_ALGORITHMS]),
    {
      description: "signature algorithms that are accepted",
    },
  ),
  jwks_uri: field(z.union([z.literal(""), issuerUrl()]).default(""), {
    description: "where its keys are",
    expected: "an https URL, or nothing for discovery",
    fallback: "learnt by discovery",
  }),
  ca_file: field(maybe(name()), {
    description: "PEM file with the authorities to trust for it",
    fallback: "the system's",
    example: "/etc/smcp/idp-ca.pem",
  }),
  token_typ: field(oneOf(["compat", "strict"]).default("compat"), {
    description: "strict accepts at+jwt alone, compat also JWT and none",
  }),
  groups_claim: field(name().default("groups"), { description: "claim with the caller's groups" }),
  required_claims: field(claims(), { description: "claims that must be there with these values" }),
  optional_claims: field(claims(), { description: "claims that must have these values where they are present" }),
  allowed_clients: field(z.array(name()).default([]), {
    description: "clients whose tokens are good",
    fallback: "every client of the issuer",
  }),
  introspection: field(
    z
      .strictObject({
        endpoint: field(httpUrl().optional(), { description: "where opaque tokens are asked about" }),
        client_id: field(name(), { description: "who asks" }),
        client_secret: field(secret(), { description: "the asking client's secret" }),
        cache_ttl: field(duration().default(30_000), { description: "longest reuse of an answer" }),
      })
      .optional(),
    { description: "ask the issuer about tokens that are not JWTs" },
  ),
});

export const oidc = z
  .strictObject({
    issuers: field(
      z
        .array(
          field(z.union([issuerUrl(), issuer]), {
            expected: "an https URL (http only on loopback) or an object with one",
          }),
        )
        .default([]),
      { description: "identity providers whose tokens are good", example: ["https://idp.example.com"] },
    ),
    audience: field(oneOrMore(text()).default([]), { description: "audience that tokens must have", example: "api" }),
    dpop_nonces: field(onOff().default(false), {
      description:
        "proofs of possession (DPoP) need a nonce: one that is overheard is good for seconds at other replicas, not for a minute",
    }),
    required_claims: field(claims(), { description: "claims that must be there with these values" }),
    optional_claims: field(claims(), { description: "claims that must have these values where they are present" }),
  })
  .prefault({});

export const sso = z
  .strictObject({
    issuer: field(issuerUrl(), { description: "identity provider for signing in with a browser" }),
    client_id: field(name(), { description: "smcp's own client there" }),
    client_secret: field(secret().optional(), { description: "that client's secret", example: "${env:SSO_SECRET}" }),
    scopes: field(z.array(name()).default(["openid"]), { description: "scopes to ask for" }),
    session_ttl: field(duration(1).default(28_800_000), { description: "how long a session is good" }),
  })
  .optional();

export const client = z
  .strictObject({
    client_id: field(maybe(name()), {
      description: "client that `smcp client` signs in as",
      example: "smcp-laptop",
    }),
    flows: field(z.array(oneOf(["browser", "device", "client-credentials"])).default(["browser", "device"]), {
      description: "ways of signing in that `smcp client` may use",
    }),
    scopes: field(z.array(name()).optional(), {
      description: "scopes that a client asks for; Entra: api://<app>/.default",
      fallback: "openid",
    }),
  })
  .optional();
