/** RFC 9728: what a client must know to sign in for a resource. Pure. */
import type { ServerSettings } from "@smcp/config";

import { PROOF_ALGORITHMS } from "../auth/dpop-key.ts";
import { clientDocumentUrl } from "./client-document.ts";

/**
 * The document of the resource at `path` (`""` or `"/"`: the origin itself); `undefined` where no issuer is configured or no
 * backend has that path.
 *
 * @param origin scheme and host under which the caller sees us
 */
export function resourceMetadata(
  settings: ServerSettings,
  origin: string,
  path: string,
): Readonly<Record<string, unknown>> | undefined {
  const { auth, issuers, backends, client } = settings;
  const resource = resourceAt(backends, path);
  if (auth.mode === "none" || issuers.length === 0 || !resource) return undefined;
  const audience = issuers[0]?.audiences[0];
  return {
    resource: `${origin}${resource.path}`,
    authorization_servers: issuers.map(({ issuer }) => issuer),
    scopes_supported: client.scopes,
    bearer_methods_supported: ["header"],
    dpop_signing_alg_values_supported: PROOF_ALGORITHMS,
    resource_name: resource.name,
    smcp: {
      client_id: client.clientId,
      client_metadata: clientDocumentUrl(settings),
      flows: client.flows,
      audience,
    },
  };
}

function resourceAt(backends: ServerSettings["backends"], path: string): { name: string; path: string } | undefined {
  if (path === "" || path === "/") return { name: "smcp", path: "" };
  return backends.find((one) => one.path === path);
}
