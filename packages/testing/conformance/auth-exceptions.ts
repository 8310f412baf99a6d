/**
 * Scenarios of sign-in that `smcp client` does not pass, and why: extensions and drafts, which the newer version of the tool runs
 * and never scores. One that passes fails the tests.
 */
const MANAGED =
  "enterprise-managed authorization, an extension: the person's sign-in at the company's provider is exchanged for a token of the server's own. Not built yet";
const WORKLOAD =
  "workload identity federation, a draft: the platform's token is a grant of its own there. `--oidc-assertion-file` shows it as the proof of a client instead (RFC 7523, section 2.2)";

/** By the scenario's name. */
export const EXCEPTIONS: Readonly<Record<string, string>> = {
  "auth/cross-app-access-complete-flow": MANAGED,
  "auth/enterprise-managed-authorization": MANAGED,
  "auth/wif-jwt-bearer": WORKLOAD,
};

/** What the SDK's own client does not pass. */
export const SDK_LACKS: Readonly<Record<string, string>> = {
  "auth/2025-03-26-oauth-metadata-backcompat":
    "its metadata names another issuer than the address that it stands at, which both refuse as later revisions want",
  "auth/wif-jwt-bearer": "not offered",
};

/** Checks (`scenario/id`) that only tell how far a client went, where smcp refuses sooner than the SDK's client. */
export const SOONER: Readonly<Record<string, string>> = {
  "auth/resource-mismatch/authorization-server-metadata":
    "a server that calls itself another resource is refused before its issuer is asked anything",
};
