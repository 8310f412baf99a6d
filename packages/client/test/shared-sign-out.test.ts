/** Signing out at a real provider and a server that knows `POST /auth/revoke`. */
import { existsSync } from "node:fs";

import { expect, test, vi } from "vitest";

import { signOut } from "../src/sign-in/sign-out.ts";
import { openSessionStore } from "../src/store/open.ts";
import { placeOf, sessionFile } from "../src/store/place.ts";
import { keepLog } from "./log.ts";
import { startInFront, startProtected } from "./protected.ts";
import { settingsFor } from "./settings.ts";
import { scratchFolder } from "./state-folder.ts";

const WAIT = { timeout: 20_000, interval: 50 };

test("what was signed in is revoked and deleted; the client that runs notices, and the refresh token is dead", async () => {
  const { url, issuer } = await startProtected();
  const changes = { authMode: "oidc", tokenStore: "file", stateFolder: scratchFolder() } as const;
  const settings = settingsFor(url, changes);
  const file = sessionFile(placeOf(settings));
  const front = await startInFront(url, changes);
  await vi.waitFor(async () => expect((await front.call()).body).not.toContain("40101"), WAIT);
  const session = await (await openSessionStore(placeOf(settings), keepLog())).read();
  front.person.visits = false;
  const log = keepLog();
  expect(await signOut(settings, log)).toMatchObject([
    {
      was: { state: "signed-in", issuer: issuer.url, subject: "alice", email: "alice@example.com" },
      isDeleted: true,
      refreshToken: "revoked",
      accessToken: "unsupported",
      server: "unsupported",
    },
  ]);
  expect([existsSync(file), log.lines]).toEqual([false, []]);
  const again = await fetch(`${issuer.url}/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "refresh_token",
      client_id: "smcp-laptop",
      refresh_token: session?.refreshToken?.reveal() ?? "",
    }),
  });
  expect(await again.json()).toMatchObject({ error: "invalid_grant" });
  await vi.waitFor(async () => expect((await front.call()).body).toContain("40101"), WAIT);
  expect(await signOut(settings, keepLog())).toEqual([]);
});
