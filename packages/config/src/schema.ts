/**
 * The one schema of the server's file: the source of its types, its checks and its reference. The three shapes of the
 * contract (smcp-proxy's, SMCP Gateway's, and everything else) stand in one object.
 */
import { z } from "zod";
import { field } from "./field.ts";
import { mcp, servers } from "./sections/backends.ts";
import { agents, apiKeys, defaultRoles, groups } from "./sections/callers.ts";
import { audit, identityForwarding, metering, storage, telemetry } from "./sections/records.ts";
import { ipFilter, policies, rateLimits, roles } from "./sections/rules.ts";
import { listen, metrics, server, tls } from "./sections/server.ts";
import { auth, client, oidc, sso } from "./sections/sign-in.ts";

export const serverFile = field(
  z.strictObject({
    listen,
    server: field(server, { description: "where and how the server listens" }),
    auth: field(auth, { description: "whether callers have to sign in" }),
    mcp: field(mcp, { description: "backends in smcp-proxy's form" }),
    servers,
    oidc: field(oidc, { description: "identity providers whose tokens are good" }),
    sso: field(sso, { description: "sign-in with a browser at the server itself" }),
    client: field(client, { description: "what the metadata tells `smcp client`" }),
    api_keys: apiKeys,
    agents,
    groups,
    default_roles: defaultRoles,
    roles,
    policies,
    rate_limits: rateLimits,
    ip_filter: field(ipFilter, { description: "networks that may connect" }),
    identity_forwarding: field(identityForwarding, { description: "how backends learn who calls" }),
    audit: field(audit, { description: "the record of decisions" }),
    metering: field(metering, { description: "the count of usage" }),
    storage: field(storage, { description: "databases instead of the embedded ones" }),
    telemetry: field(telemetry, { description: "traces" }),
    tls: field(tls, { description: "https at the server itself" }),
    metrics: field(metrics, { description: "metrics for Prometheus" }),
  }),
  { expected: "a map of sections" },
);

/** The server's file once it was checked: defaults filled in, durations in milliseconds, sizes in bytes. */
export type ServerFile = z.output<typeof serverFile>;
