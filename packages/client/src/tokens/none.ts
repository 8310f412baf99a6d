/** No sign-in: nothing is sent, and a server that asks for one is told to the app. */
import { refuse } from "@smcp/core";

import type { Tokens } from "./tokens.ts";

/**
 * Tokens for `--auth-mode none`.
 *
 * @param server the server's host, for the message
 */
export function noTokens(server: string): Tokens {
  const reason = `the smcp server at ${server} asks for sign-in, and this client runs with --auth-mode none`;
  return {
    get: () => Promise.resolve(undefined),
    renew: () => Promise.resolve(refuse("SIGN_IN_PENDING", { reason })),
    signedIn: () => Promise.resolve(false),
    onSignedIn: () => () => undefined,
    describe: () => ({ state: "unneeded" }),
  };
}
