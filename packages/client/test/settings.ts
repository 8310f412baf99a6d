/** Settings as tests need them: any free port, short times, no sign-in. */
import type { ClientSettings, ClientSignIn } from "@smcp/config";

export interface Changes extends Partial<Omit<ClientSettings, "serverUrl" | "oidc">> {
  readonly oidc?: Partial<ClientSignIn>;
}

export function settingsFor(serverUrl: string, changes: Changes = {}): ClientSettings {
  return {
    serverUrl: new URL(serverUrl),
    host: "127.0.0.1",
    port: 0,
    readTimeout: 5_000,
    writeTimeout: 5_000,
    shutdownTimeout: 200,
    serverTimeout: 5_000,
    authMode: "none",
    profile: "default",
    tokenStore: "memory",
    // Nothing can be made there.
    stateFolder: "/dev/null/smcp",
    requirePeerUid: false,
    allowHosts: [],
    forwardHeaders: [],
    allowOrigins: [],
    maxBody: 65_536,
    metrics: { enabled: true, path: "/metrics" },
    ...changes,
    oidc: {
      scopes: ["openid"],
      flow: "auto",
      resource: "auto",
      cacheTtl: 300_000,
      tokenTtlDelta: 30_000,
      clockTolerance: 30_000,
      ...changes.oidc,
    },
  };
}
