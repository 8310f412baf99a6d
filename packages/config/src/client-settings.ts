/**
 * What the client runs on: flags, environment, file and defaults, merged, checked and frozen.
 */
import type { Bytes, Duration, Secret } from "@smcp/core";

/** How the client signs in. */
export interface ClientSignIn {
  readonly issuer?: string;
  readonly clientId?: string;
  readonly clientSecret?: Secret;
  /** The file that it came from: whoever renews it there need tell nobody. */
  readonly clientSecretFile?: string;
  /** A private key to sign in with, PEM or JWK. */
  readonly privateKeyFile?: string;
  /** A token about this workload, to sign in with. */
  readonly assertionFile?: string;
  readonly audience?: string;
  readonly scopes: readonly string[];
  /** True where a person gave the scopes; absent: they are the default, and the server's metadata may name better ones. */
  readonly areScopesGiven?: boolean;
  readonly flow: "auto" | "client-credentials" | "browser" | "device";
  /** RFC 8707: `auto` is the resource of the server's root metadata, `off` sends none, anything else is a URI. */
  readonly resource: string;
  /** Upper bound on reuse of a token without expiry. */
  readonly cacheTtl: Duration;
  /** A token is refreshed this long before it expires. */
  readonly tokenTtlDelta: Duration;
  readonly clockTolerance: Duration;
  /** Absent: what the issuer's metadata prefers. */
  readonly authMethod?: "client_secret_basic" | "client_secret_post";
  /** Host of the address that a browser is sent back to, a loopback name. Absent: 127.0.0.1. */
  readonly redirectHost?: string;
  /** Its ports, tried in order. Absent: any free one. */
  readonly redirectPorts?: readonly number[];
  /** Sign in by browser at an issuer that does not say that it knows PKCE. */
  readonly allowsUnadvertisedPkce?: boolean;
  /** Whether tokens are bound to a key (DPoP). Absent: `auto`, where issuer and server both say that they can. */
  readonly dpop?: "auto" | "on" | "off";
  /** Accept that the server names another issuer than before. */
  readonly acceptsIssuerChange?: boolean;
}

/** Everything that the client needs to know, frozen. */
export interface ClientSettings {
  /** May have a path; its query and fragment are empty. */
  readonly serverUrl: URL;
  /** Another one than a loopback address comes with a `localSecret`, unless nothing listens on it. */
  readonly host: string;
  readonly port: number;
  /** Present: listen on this unix socket instead, an absolute path. */
  readonly socketPath?: string;
  /** Present: speak MCP on stdin and stdout for this path of the server instead of listening. */
  readonly stdioPath?: string;
  /** What local apps must send. */
  readonly localSecret?: Secret;
  /** Serve nobody whose user cannot be told. */
  readonly requirePeerUid: boolean;
  readonly readTimeout: Duration;
  readonly writeTimeout: Duration;
  readonly shutdownTimeout: Duration;
  /** Bounds connecting to the server and waiting for its response headers. */
  readonly serverTimeout: Duration;
  /** `auto`: what the server's metadata asks for. */
  readonly authMode: "none" | "oidc" | "auto";
  /** Present: a file with a key or token to send instead of signing in. */
  readonly tokenFile?: string;
  readonly oidc: ClientSignIn;
  /** Whether a browser may be opened to sign in. Absent: yes. */
  readonly opensBrowser?: boolean;
  /** The account among several at one server. */
  readonly profile: string;
  /** `auto`: a file, sealed where there is a keyring. */
  readonly tokenStore: "auto" | "keyring" | "file" | "memory";
  /** Where tokens and other state of this user are kept, absolute. */
  readonly stateFolder: string;
  readonly allowHosts: readonly string[];
  /** Further request headers that pass, lower-case. */
  readonly forwardHeaders: readonly string[];
  readonly allowOrigins: readonly string[];
  readonly maxBody: Bytes;
  readonly metrics: { readonly enabled: boolean; readonly path: string };
  /** The local listener speaks TLS with this certificate and key, in PEM. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Extra roots for the server and the issuer. */
  readonly caFile?: string;
}
