/** A state folder of a test's own, and sessions to put into it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Secret } from "@smcp/core";
import { onTestFinished } from "vitest";

import { placeOf, type ProfilePlace } from "../src/store/place.ts";
import type { TokenStoreKind } from "../src/store/store.ts";
import type { Session } from "../src/tokens/session.ts";
import { settingsFor, type Changes } from "./settings.ts";

/** A folder that is not there yet, below one that is deleted after the test. */
export function scratchFolder(): string {
  const base = mkdtempSync(join(tmpdir(), "smcp-state-"));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  return join(base, "state/smcp");
}

/** The place of a profile in a folder. */
export function placeIn(stateFolder: string, tokenStore: TokenStoreKind = "file", changes: Changes = {}): ProfilePlace {
  return placeOf(settingsFor("https://mcp.example.com", { stateFolder, tokenStore, ...changes }));
}

/** A session with every member; its tokens carry a mark that is looked for where none may be. */
export function sampleSession(changes: Partial<Session> = {}): Session {
  return {
    issuer: "https://idp.example.com",
    clientId: "laptop",
    scopes: ["openid", "offline_access"],
    resource: "https://mcp.example.com",
    accessToken: new Secret("hunter2-access-1"),
    obtainedAt: 1_800_000_000_000,
    lifetime: 600_000,
    refreshToken: new Secret("hunter2-refresh-1"),
    idToken: new Secret("hunter2-id"),
    subject: "alice",
    name: "Alice",
    email: "alice@example.com",
    dpopKey: undefined,
    registration: { clientSecret: new Secret("hunter2-client") },
    ...changes,
  };
}

/** A session with its secrets in the open, to be compared. */
export function opened(session: Session | undefined): unknown {
  if (!session) return undefined;
  const members = Object.entries(session).map(([name, value]) => [name, openedValue(value)]);
  return Object.fromEntries(members);
}

function openedValue(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  const { clientSecret } = (value ?? {}) as { clientSecret?: unknown };
  return clientSecret instanceof Secret ? { clientSecret: clientSecret.reveal() } : value;
}
