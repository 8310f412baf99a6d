/** The outer form of a session's file: whose session it is, and the session itself, sealed or in clear. */
import type { ProfilePlace } from "./place.ts";

/** What a file says. */
export interface Envelope {
  readonly server: string;
  readonly profile: string;
  /** One of the two is there. */
  readonly session?: unknown;
  readonly sealed?: string;
}

/** Written by this version; a later one may change the form, and is then not touched by mistake. */
const VERSION = 1;

/** What a session belongs to, as a text that seals it to its place. */
export function belonging({ server, profile, key }: ProfilePlace): string {
  return JSON.stringify([VERSION, server, profile, key]);
}

/** The file with a session in clear: `json` is the session's own text. */
export function openEnvelope({ server, profile }: ProfilePlace, json: string): string {
  const head = JSON.stringify({ v: VERSION, server, profile });
  return `${head.slice(0, -1)},"session":${json}}\n`;
}

/** The file with a sealed session. */
export function sealedEnvelope({ server, profile }: ProfilePlace, sealed: string): string {
  return `${JSON.stringify({ v: VERSION, server, profile, sealed })}\n`;
}

/** Reads a file's text; a sentence about what is wrong with it otherwise. */
export function readEnvelope(text: string): Envelope | string {
  const found = parseObject(text);
  if (!found) return "is broken";
  const { v, server, profile, session, sealed } = found;
  if (v !== VERSION) return "was written by another version of smcp";
  if (typeof server !== "string" || typeof profile !== "string") return "is broken";
  if (typeof sealed === "string") return { server, profile, sealed };
  return session === undefined ? "is broken" : { server, profile, session };
}

/** The members of a JSON object, `undefined` for any other text. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null ? (found as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
