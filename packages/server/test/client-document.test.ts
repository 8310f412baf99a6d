import { serverSettings, startTestServer, trust } from "@smcp/testing";
import { request } from "undici";
import { expect, test } from "vitest";

import { clientDocument } from "../src/http/client-document.ts";

const issuers = [trust("https://idp.example.com")];
const PATH = "/.well-known/smcp-client";

test("an issuer that knows no client of ours reads who smcp client is, at the address that the metadata names", async () => {
  const publicUrl = "https://mcp.example.com";
  await using server = await startTestServer({ issuers, server: { publicUrl } });
  const metadata = await request(`${server.url}/.well-known/oauth-protected-resource`);
  expect(await metadata.body.json()).toMatchObject({ smcp: { client_metadata: `${publicUrl}${PATH}` } });
  const answer = await request(`${server.url}${PATH}`);
  expect(answer.headers["content-type"]).toBe("application/json");
  expect(await answer.body.json()).toEqual({
    client_id: `${publicUrl}${PATH}`,
    client_name: "smcp client",
    client_uri: publicUrl,
    application_type: "native",
    token_endpoint_auth_method: "none",
    redirect_uris: ["http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback"],
    response_types: ["code"],
    grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
  });
});

test("the scopes that clients ask for are in the metadata where they are configured", async () => {
  await using server = await startTestServer({ issuers, client: { flows: [], scopes: ["api://app/.default"] } });
  const metadata = await request(`${server.url}/.well-known/oauth-protected-resource`);
  expect(await metadata.body.json()).toMatchObject({ scopes_supported: ["api://app/.default"] });
});

test("there is none where a client is configured, where nobody outside can read it, where nobody signs in", async () => {
  const publicUrl = "https://mcp.example.com";
  expect(
    clientDocument(serverSettings({ issuers, server: { publicUrl }, client: { clientId: "x", flows: [] } })),
  ).toBeUndefined();
  expect(clientDocument(serverSettings({ issuers, server: { publicUrl: "http://mcp.example.com" } }))).toBeUndefined();
  expect(clientDocument(serverSettings({ server: { publicUrl } }))).toBeUndefined();
  await using server = await startTestServer({ issuers });
  expect((await request(`${server.url}${PATH}`)).statusCode).toBe(404);
});
