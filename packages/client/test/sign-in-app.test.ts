/** An app that can sign in by itself works straight against the server: its metadata is all that the app needs. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { OAuthClientInformationMixed, OAuthTokens } from "@modelcontextprotocol/sdk/shared/auth.js";
import { startIssuer } from "@smcp/demo";
import { browse, httpBackend, startTestServer, trust } from "@smcp/testing";
import { expect, onTestFinished, test } from "vitest";

import { startMcpPeer } from "./peers.ts";

/** What an app brings: a place to come back to, and somewhere to keep things. */
async function startApp(): Promise<{ provider: OAuthClientProvider; code: Promise<string> }> {
  const { promise: code, resolve } = Promise.withResolvers<string>();
  const server = createServer((incoming, outgoing) => {
    resolve(new URL(incoming.url ?? "", "http://127.0.0.1").searchParams.get("code") ?? "");
    outgoing.end("done");
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  onTestFinished(() => void server.close());
  const redirectUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;
  let information: OAuthClientInformationMixed | undefined;
  let tokens: OAuthTokens | undefined;
  let verifier = "";
  const provider: OAuthClientProvider = {
    redirectUrl,
    clientMetadata: {
      client_name: "an app",
      redirect_uris: [redirectUrl],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      scope: "openid",
      application_type: "native",
    } as OAuthClientProvider["clientMetadata"],
    clientInformation: () => information,
    saveClientInformation: (given) => void (information = given),
    tokens: () => tokens,
    saveTokens: (given) => void (tokens = given),
    codeVerifier: () => verifier,
    saveCodeVerifier: (given) => void (verifier = given),
    redirectToAuthorization: async (url) => void (await browse(url)),
  };
  return { provider, code };
}

test("an SDK client with OAuth of its own signs in by the server's metadata and calls a tool", async () => {
  await using issuer = await startIssuer({ people: { registers: true } });
  await using peer = await startMcpPeer();
  await using server = await startTestServer({
    backends: [httpBackend("peer", peer.url)],
    issuers: [trust(issuer.url)],
  });
  const { provider, code } = await startApp();
  const url = new URL(`${server.url}/peer`);
  const first = new StreamableHTTPClientTransport(url, { authProvider: provider });
  const app = new Client({ name: "app", version: "1" });
  await expect(app.connect(first)).rejects.toBeInstanceOf(UnauthorizedError);
  await first.finishAuth(await code);
  const transport = new StreamableHTTPClientTransport(url, { authProvider: provider });
  await app.connect(transport);
  expect((await app.listTools()).tools).toHaveLength(4);
  expect(await app.callTool({ name: "echo", arguments: { a: 1 } })).toMatchObject({ content: [{ text: '{"a":1}' }] });
  // The app's token stays at the server.
  expect(peer.authorizations.every((one) => one === undefined)).toBe(true);
  await transport.terminateSession();
  await app.close();
});
