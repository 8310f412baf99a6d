import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadClientSettings, type LoadedClient } from "@smcp/config";

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "smcp-proof-"));
  for (const name of ["secret", "key.pem", "token"]) writeFileSync(join(cwd, name), `text of ${name}\n`);
  writeFileSync(join(cwd, "empty"), "\n");
});
afterEach(() => rmSync(cwd, { recursive: true }));

function load(flags: Record<string, string>, env: Record<string, string> = {}): LoadedClient {
  const named = { "server-url": "https://mcp.example.com", ...flags };
  return loadClientSettings({ flags: named, env: { XDG_CONFIG_HOME: join(cwd, "home"), ...env }, cwd });
}

const failure = (message: string, hint: string) => expect.objectContaining({ message, hint, exitCode: 2 });

describe("what a machine proves itself with", () => {
  test("a secret's file is told beside the secret, so that it can be read again", () => {
    const { oidc, authMode } = load({ "oidc-client-secret-file": "secret" }).settings;
    expect(oidc.clientSecret?.reveal()).toBe("text of secret");
    expect(oidc.clientSecretFile).toBe(join(cwd, "secret"));
    expect(authMode).toBe("oidc");
  });

  test.each([
    ["oidc-private-key-file", "privateKeyFile"],
    ["oidc-assertion-file", "assertionFile"],
  ] as const)("--%s is a path from the working directory", (flag, key) => {
    const { oidc } = load({ [flag]: "token" }).settings;
    expect(oidc[key]).toBe(join(cwd, "token"));
    expect(oidc.clientSecret).toBeUndefined();
  });

  test("--oidc-auth-method private_key_jwt names what a key does by itself", () => {
    const { oidc } = load({ "oidc-private-key-file": "key.pem", "oidc-auth-method": "private_key_jwt" }).settings;
    expect(oidc).toMatchObject({ privateKeyFile: join(cwd, "key.pem") });
    expect(oidc.authMethod).toBeUndefined();
  });

  test.each([
    [
      { "oidc-client-secret-file": "secret", "oidc-private-key-file": "key.pem" },
      'both "oidc-client-secret-file" and "oidc-private-key-file" are given',
      "leave one of them out",
    ],
    [
      { "oidc-private-key-file": "key.pem", "oidc-assertion-file": "token" },
      'both "oidc-private-key-file" and "oidc-assertion-file" are given',
      "leave one of them out",
    ],
    [
      { "oidc-auth-method": "private_key_jwt", "oidc-client-secret-file": "secret" },
      '"--oidc-auth-method private_key_jwt" needs a key',
      "give --oidc-private-key-file",
    ],
    [
      { "oidc-auth-method": "client_secret_post", "oidc-assertion-file": "token" },
      '"--oidc-auth-method client_secret_post" is for a secret, and there is none',
      "leave it out",
    ],
    [
      { "oidc-private-key-file": "none.pem" },
      '--oidc-private-key-file: expected a file that is there and not empty, found "none.pem"',
      "see smcp client --help",
    ],
    [
      { "oidc-assertion-file": "empty" },
      '--oidc-assertion-file: expected a file that is there and not empty, found "empty"',
      "see smcp client --help",
    ],
  ])("%j is refused", (flags, message, hint) => {
    expect(() => load(flags)).toThrow(failure(message, hint));
  });
});

describe("--token-file", () => {
  test("is a path; what the sign-in flags beside it say does nothing, and those on the command line are told", () => {
    const { settings, warnings } = load(
      { "token-file": "token", "oidc-issuer": "https://idp.example.com" },
      { SMCP_OIDC_CLIENT_ID: "laptop" },
    );
    expect(settings.tokenFile).toBe(join(cwd, "token"));
    expect(warnings).toEqual(['"--oidc-issuer" does nothing with --token-file: nobody signs in']);
  });

  test("must be there, and something must be sent", () => {
    expect(() => load({ "token-file": "none" })).toThrow(
      failure('--token-file: expected a file that is there and not empty, found "none"', "see smcp client --help"),
    );
    expect(() => load({ "token-file": "token" }, { SMCP_AUTH_MODE: "none" })).toThrow(
      failure('"--token-file" names a token to send, and "SMCP_AUTH_MODE" says to send none', "leave one of them out"),
    );
  });
});
