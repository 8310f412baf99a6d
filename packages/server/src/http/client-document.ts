/**
 * Who `smcp client` is, at the address that is its client id (OAuth Client ID Metadata Document): for issuers that read such
 * a document and know no client of ours. Pure.
 */
import type { ServerSettings } from "@smcp/config";

/** Where it stands. */
export const CLIENT_DOCUMENT_PATH = "/.well-known/smcp-client";

/** Its address; `undefined` where issuers could not read it, or where a client is configured. */
export function clientDocumentUrl({ server, issuers, client }: ServerSettings): string | undefined {
  const { publicUrl } = server;
  if (issuers.length === 0 || client.clientId !== undefined || publicUrl?.startsWith("https:") !== true)
    return undefined;
  return `${publicUrl}${CLIENT_DOCUMENT_PATH}`;
}

/** The document: a public, native client that comes back to this machine, on whatever port (RFC 8252). */
export function clientDocument(settings: ServerSettings): Readonly<Record<string, unknown>> | undefined {
  const id = clientDocumentUrl(settings);
  if (id === undefined) return undefined;
  return {
    client_id: id,
    client_name: "smcp client",
    client_uri: settings.server.publicUrl,
    application_type: "native",
    token_endpoint_auth_method: "none",
    redirect_uris: ["http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback"],
    response_types: ["code"],
    grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
  };
}
