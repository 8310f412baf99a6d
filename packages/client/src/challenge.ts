/**
 * Reads why the server refused: its challenge and the first bytes of its answer, both made fit to be shown. Neither goes to
 * an app as it is: an app that sees a challenge would start a sign-in of its own.
 */
import type { UpstreamHeaders } from "@smcp/edge";

/** What a `WWW-Authenticate` value says. */
export interface Challenge {
  /** The OAuth error code, where there is one. */
  readonly error: string | undefined;
  readonly scope: string | undefined;
  /** Where the server says how to sign in. */
  readonly metadata?: string | undefined;
}

const PARAMETER = /(?<![\w-])(error|scope|resource_metadata)="([^"\\]{0,1024})"/g;
const LONGEST = 200;
const LONGEST_SCOPE = 1_024;

/** Reads the challenge of a 401 or 403; a missing one has no members. */
export function readChallenge(headers: UpstreamHeaders): Challenge {
  const value = headers["www-authenticate"];
  const text = Array.isArray(value) ? value.join(", ") : (value ?? "");
  let error: string | undefined;
  let scope: string | undefined;
  let metadata: string | undefined;
  for (const [, name, found] of text.slice(0, 4_096).matchAll(PARAMETER)) {
    // One of several challenges may ask for the nonce: that is what can be helped.
    if (name === "error") error = found === "use_dpop_nonce" ? found : (error ?? printable(found ?? ""));
    else if (name === "scope") scope ??= printable(found ?? "", LONGEST_SCOPE);
    else metadata ??= found;
  }
  return { error, scope, metadata };
}

/** The sentence in a refused answer's body: a JSON-RPC error's message, or the first line of a text; "" for none. */
export function readSentence(body: Uint8Array | undefined): string {
  const text = Buffer.from(body ?? []).toString();
  const message = messageOf(text);
  if (message !== undefined) return printable(message);
  const line = text.trimStart().split("\n", 1)[0] ?? "";
  // Markup and cut JSON are nobody's sentence.
  return /^[<{[]/.test(line) ? "" : printable(line);
}

function messageOf(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    const { message } = (error ?? {}) as { message?: unknown };
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}

function printable(text: string, longest = LONGEST): string {
  const plain = text
    .slice(0, longest * 2)
    .replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]+/gu, " ")
    .trim();
  return plain.length > longest ? `${plain.slice(0, longest - 1)}…` : plain;
}
