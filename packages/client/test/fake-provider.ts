/**
 * A provider of browser and device sign-in that a test can make hostile, and beside it a server that asks for sign-in and
 * names it. Codes are good whatever they are.
 */
import type { ServerResponse } from "node:http";

import { startBackend, type Backend, type Recorded } from "./backend.ts";
import { say } from "./fake-issuer.ts";

export interface FakeProvider extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  /** The server that names it; it lets every token through. */
  readonly server: string;
  /** What the server saw. */
  readonly calls: Recorded[];
  /** Token requests. */
  readonly grants: URLSearchParams[];
  /** Every request to the provider. */
  readonly seen: Recorded[];
  /** Members of the issuer's metadata, instead of or beside the usual. */
  metadata: Record<string, unknown>;
  /** Members of the server's metadata. */
  resource: Record<string, unknown>;
  /** Members of the device answer. */
  device: Record<string, unknown>;
  /** In the ID token. */
  nonce: string | undefined;
  /** Token requests wait for {@link release}. */
  isSlow: boolean;
  release(): void;
  /** Answers a token request; `undefined`: with tokens. */
  grant: ((form: URLSearchParams, response: ServerResponse) => boolean) | undefined;
  /** Answers a request of the provider before it does. */
  answer: ((request: Recorded, response: ServerResponse) => boolean) | undefined;
  /** What the server's challenge says beside its metadata. */
  challenge: string;
  /** Refuses a token, for a reason to be told in a challenge. */
  judge: (token: string) => string | undefined;
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function idToken(provider: FakeProvider, audience: string): string {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { iss: provider.url, aud: audience, sub: "alice", iat: now, exp: now + 600, nonce: provider.nonce };
  return `${part({ alg: "RS256" })}.${part(claims)}.${Buffer.from("unchecked").toString("base64url")}`;
}

export async function startFakeProvider(): Promise<FakeProvider> {
  const backend: Backend = await startBackend();
  const server: Backend = await startBackend();
  const waiting: (() => void)[] = [];
  const provider: FakeProvider = {
    url: backend.url,
    host: backend.host,
    server: server.url,
    calls: server.seen,
    grants: [],
    seen: backend.seen,
    metadata: {},
    resource: {},
    device: {},
    nonce: undefined,
    isSlow: false,
    release: () => waiting.splice(0).forEach((go) => go()),
    grant: undefined,
    answer: undefined,
    challenge: "",
    judge: () => undefined,
    [Symbol.asyncDispose]: async () => {
      await backend[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
  backend.answer = (request, response) => {
    if (provider.answer?.(request, response) === true) return;
    const path = request.url.split("?", 1)[0];
    if (path === "/token") answerToken(provider, request, response, waiting);
    else if (path === "/device_authorization") say(response, 200, deviceAnswer(provider));
    else if (path === "/register")
      say(response, 201, { ...(JSON.parse(request.body) as object), client_id: "registered" });
    else if (path?.startsWith("/.well-known/openid-configuration")) say(response, 200, metadataOf(provider));
    else response.writeHead(404).end();
  };
  server.answer = (request, response) => {
    if (request.url.startsWith("/.well-known/oauth-protected-resource")) {
      say(response, 200, { resource: server.url, authorization_servers: [provider.url], ...provider.resource });
      return;
    }
    const token = /^Bearer (.+)$/.exec(request.headers["authorization"] ?? "")?.[1];
    const refused = token === undefined ? provider.challenge : provider.judge(token);
    if (token !== undefined && refused === undefined) {
      say(response, 200, { jsonrpc: "2.0", id: 1, result: {} });
      return;
    }
    const metadata = `resource_metadata="${server.url}/.well-known/oauth-protected-resource"`;
    response.writeHead(401, { "www-authenticate": `Bearer ${metadata}${refused ? `, ${refused}` : ""}` }).end();
  };
  return provider;
}

function metadataOf(provider: FakeProvider): Record<string, unknown> {
  const { url } = provider;
  return {
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    device_authorization_endpoint: `${url}/device_authorization`,
    code_challenge_methods_supported: ["S256"],
    authorization_response_iss_parameter_supported: true,
    id_token_signing_alg_values_supported: ["RS256"],
    ...provider.metadata,
  };
}

function deviceAnswer({ url, device }: FakeProvider): Record<string, unknown> {
  return { device_code: "d", user_code: "WDJB-MJHT", verification_uri: `${url}/device`, expires_in: 600, ...device };
}

function answerToken(
  provider: FakeProvider,
  request: Recorded,
  response: ServerResponse,
  waiting: (() => void)[],
): void {
  const form = new URLSearchParams(request.body);
  provider.grants.push(form);
  const go = (): void => {
    if (provider.grant?.(form, response) === true) return;
    const isCode = form.get("grant_type") === "authorization_code";
    say(response, 200, {
      access_token: `token-${provider.grants.length}`,
      refresh_token: `refresh-${provider.grants.length}`,
      token_type: "Bearer",
      expires_in: 600,
      ...(isCode && { id_token: idToken(provider, form.get("client_id") ?? "") }),
    });
  };
  if (provider.isSlow) waiting.push(go);
  else go();
}
