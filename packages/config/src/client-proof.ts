/** What a program proves itself with where no person signs in: a secret, a key, an assertion, or a token that others renew. */
import { Failure, Secret } from "@smcp/core";
import type { ClientSettings, ClientSignIn } from "./client-settings.ts";
import { optional, type Values } from "./client-values.ts";
import type { FlagValues } from "./flags.ts";

const SECRET_FLAGS = ["oidc-client-secret", "oidc-client-secret-file"];
const FILE_FLAGS = ["oidc-private-key-file", "oidc-assertion-file"];

/**
 * Reads the part of the sign-in that says who this client is.
 *
 * @throws Failure with exit code 2 for a file that is not there, and for two ways at once
 */
export function machineProof(
  read: Values,
  { origins }: FlagValues,
): Pick<ClientSignIn, "clientSecret" | "clientSecretFile" | "privateKeyFile" | "assertionFile" | "authMethod"> {
  const given = [...SECRET_FLAGS, ...FILE_FLAGS].filter((name) => origins.has(name));
  if (given.length > 1) {
    const [one, other] = given;
    const isSecretTwice = given.every((name) => SECRET_FLAGS.includes(name));
    const hint = isSecretTwice ? "leave one of them out; the file is the safer one" : "leave one of them out";
    throw new Failure(`both "${one}" and "${other}" are given`, hint, 2);
  }
  const text = read.text("oidc-client-secret") ?? read.contents("oidc-client-secret-file");
  for (const name of FILE_FLAGS) read.contents(name);
  return {
    ...optional("clientSecret", text === undefined ? undefined : new Secret(text)),
    ...optional("clientSecretFile", read.file("oidc-client-secret-file")),
    ...optional("privateKeyFile", read.file("oidc-private-key-file")),
    ...optional("assertionFile", read.file("oidc-assertion-file")),
    ...optional("authMethod", authMethod(read)),
  };
}

/** How a secret is sent; a key and an assertion have one way each. */
function authMethod(read: Values): ClientSignIn["authMethod"] {
  const method = read.text("oidc-auth-method");
  const hasKey = read.text("oidc-private-key-file") !== undefined;
  const isByKey = hasKey || read.text("oidc-assertion-file") !== undefined;
  if (method === "private_key_jwt") {
    if (hasKey) return undefined;
    throw new Failure('"--oidc-auth-method private_key_jwt" needs a key', "give --oidc-private-key-file", 2);
  }
  if (method === undefined || !isByKey) return method as ClientSignIn["authMethod"];
  throw new Failure(`"--oidc-auth-method ${method}" is for a secret, and there is none`, "leave it out", 2);
}

/**
 * The file with the token that is sent instead of signing in.
 *
 * @throws Failure with exit code 2 where it is not there, or nothing is to be sent
 */
export function tokenFile(read: Values, { origins }: FlagValues): Pick<ClientSettings, "tokenFile"> {
  if (read.contents("token-file") === undefined) return {};
  if (read.text("auth-mode") === "none") {
    const [file, mode] = [origins.get("token-file"), origins.get("auth-mode")];
    throw new Failure(`"${file}" names a token to send, and "${mode}" says to send none`, "leave one of them out", 2);
  }
  return optional("tokenFile", read.file("token-file"));
}

const isIdle = (name: string): boolean => name.startsWith("oidc-") || name === "dpop";

/** Sentences about ways to sign in that do nothing beside a token: of those on the command line. */
export function idleSignIn({ origins }: FlagValues): string[] {
  if (!origins.has("token-file")) return [];
  const typed = [...origins].filter(([name, origin]) => isIdle(name) && origin === `--${name}`);
  return typed.map(([, origin]) => `"${origin}" does nothing with --token-file: nobody signs in`);
}
