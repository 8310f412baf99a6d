/** An issuer that a test can make slow, wrong or silent: discovery and a token endpoint, nothing else. */
import type { ServerResponse } from "node:http";

import { startBackend, type Backend, type Recorded } from "./backend.ts";

export interface FakeIssuer extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  /** Every token request so far. */
  readonly grants: Recorded[];
  /** Every other request. */
  readonly lookups: Recorded[];
  /** Further members of the metadata. */
  metadata: Record<string, unknown>;
  /** How the token endpoint answers; the default issues `token-1`, `token-2`, … */
  grant: (request: Recorded, response: ServerResponse) => void;
  /** How discovery answers, where not with the metadata. */
  discover: ((request: Recorded, response: ServerResponse) => void) | undefined;
  /** Of the tokens of the default grant, in seconds. */
  expiresIn: number | undefined;
}

export async function startFakeIssuer(port = 0): Promise<FakeIssuer> {
  const backend: Backend = await startBackend(undefined, port);
  const issuer: FakeIssuer = {
    url: backend.url,
    host: backend.host,
    grants: [],
    lookups: [],
    metadata: {},
    expiresIn: 600,
    discover: undefined,
    grant: (_, response) => {
      const token = {
        access_token: `token-${issuer.grants.length}`,
        token_type: "Bearer",
        expires_in: issuer.expiresIn,
      };
      say(response, 200, token);
    },
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
  backend.answer = (request, response) => {
    if (request.url === "/token") {
      issuer.grants.push(request);
      issuer.grant(request, response);
      return;
    }
    issuer.lookups.push(request);
    if (issuer.discover) issuer.discover(request, response);
    else if (request.url !== "/.well-known/openid-configuration") response.writeHead(404).end();
    else say(response, 200, { issuer: issuer.url, token_endpoint: `${issuer.url}/token`, ...issuer.metadata });
  };
  return issuer;
}

/** Answers with JSON. */
export function say(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}
