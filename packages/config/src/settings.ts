/**
 * What the server runs on: the validated file, normalised and frozen. Nothing downstream reads the file again, so every
 * default, unit and spelling is settled here.
 */
import type { Bytes, Duration, Secret } from "@smcp/core";

/** Rules on a token's claims: the claim's name or dotted path, and what its value must be. */
export type ClaimRules = ReadonlyMap<string, unknown>;

/** TLS at the server itself: files in PEM, with absolute names. */
export interface TlsSettings {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities that callers' certificates must come from. Absent: callers are asked for none. */
  readonly clientCaFile?: string;
  /** `request` also lets in callers without a certificate. */
  readonly clientAuth: "request" | "require";
}

/** Where and how the server listens. */
export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  /** How long a request may take to arrive. */
  readonly readTimeout: Duration;
  /** How long one pending write may be blocked. */
  readonly writeTimeout: Duration;
  /** How long open requests may go on after a stop was asked for. */
  readonly shutdownTimeout: Duration;
  /** The origin under which callers see the server, without a trailing slash. */
  readonly publicUrl?: string;
  readonly trustedProxies: readonly string[];
  readonly maxBody: Bytes;
  readonly maxStreams: number;
  readonly allowedOrigins: readonly string[];
  readonly allowedHosts: readonly string[];
  readonly sessionKey?: Secret;
  /** Absent: plain HTTP. */
  readonly tls?: TlsSettings;
}

/** What both kinds of backend have. */
export interface BackendCommon {
  readonly id: string;
  readonly name: string;
  /** Canonical; a leading slash, no trailing one, except `/` itself. */
  readonly path: string;
  readonly stripPath: boolean;
  readonly timeout: Duration;
  readonly model: string;
  readonly maxTokens: number;
}

/** A backend reached over HTTP. */
export interface HttpBackend extends BackendCommon {
  readonly kind: "http";
  readonly url: URL;
  /** The URL's path ends in `/sse`: the transport of 2024-11-05. */
  readonly sse: boolean;
  /** Further request headers that pass, lower-case. */
  readonly forwardHeaders: readonly string[];
  /** Absent: the system's authorities, and no certificate of ours. Files in PEM, with absolute names. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
}

/** A backend that is a child process. */
export interface StdioBackend extends BackendCommon {
  readonly kind: "stdio";
  readonly command: string;
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  /** Absolute. */
  readonly workingDir: string;
  readonly stdioTimeout: Duration;
  /** A child without a request for this long is ended. */
  readonly idleTtl: Duration;
  readonly maxChildren: number;
  /** `auto`: it is asked. */
  readonly era: "auto" | "legacy" | "modern";
  /** Who shares a child of the modern era; the legacy era has one for each session, always. */
  readonly isolation: "principal" | "shared";
}

export type Backend = HttpBackend | StdioBackend;

/** An identity provider whose tokens are good here. */
export interface Issuer {
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** A subset of RS256, PS256, ES256, EdDSA and Ed25519. */
  readonly algorithms: readonly string[];
  /** Absent: learnt by discovery. */
  readonly jwksUri?: string;
  /** Authorities to trust for it instead of the system's: a PEM file with an absolute name. */
  readonly caFile?: string;
  readonly tokenTyp: "compat" | "strict";
  readonly groupsClaim: string;
  /** Empty: every client of the issuer. */
  readonly allowedClients: readonly string[];
  readonly requiredClaims: ClaimRules;
  readonly optionalClaims: ClaimRules;
}

/** Everything that the server needs to know, frozen. */
export interface ServerSettings {
  readonly server: ListenSettings;
  readonly auth: {
    readonly mode: "none" | "oidc";
    /** Proofs of possession (DPoP) need a nonce of the server's. Absent: they do not. */
    readonly dpopNonces?: boolean;
  };
  readonly backends: readonly Backend[];
  readonly issuers: readonly Issuer[];
  readonly metrics: { readonly enabled: boolean; readonly path: string };
  /** What the resource metadata tells `smcp client`. */
  readonly client: {
    readonly clientId?: string;
    readonly flows: readonly string[];
    readonly scopes?: readonly string[];
  };
  /** Sentences to log at start. */
  readonly warnings: readonly string[];
}
