/** Row L11: many processes of one profile at the moment when the token ends, with a provider that rotates. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { silentLog } from "@smcp/core";
import { expect, onTestFinished, test, vi } from "vitest";

import { openSessionStore } from "../src/store/open.ts";
import { placeOf, sessionFile } from "../src/store/place.ts";
import { startBackend } from "./backend.ts";
import { startFakeIssuer } from "./fake-issuer.ts";
import { CALL, startInFront, startProtected, type Protected } from "./protected.ts";
import { settingsFor } from "./settings.ts";
import { sampleSession, scratchFolder } from "./state-folder.ts";

const WAIT = { timeout: 20_000, interval: 50 };

interface Report {
  readonly answered: number;
  readonly failed: unknown[];
  readonly log: string[];
}

interface Stored {
  session: { obtainedAt: number; accessToken: string; refreshToken: string };
}

/** A profile that somebody signed in to, and its file. */
async function signedIn({ url }: Protected, stateFolder: string): Promise<string> {
  const changes = { authMode: "oidc", tokenStore: "file", stateFolder } as const;
  const front = await startInFront(url, changes);
  await vi.waitFor(
    async () =>
      expect(await front.call()).toMatchObject({ status: 200, body: expect.not.stringContaining("4010") as string }),
    WAIT,
  );
  await front.client.close();
  return sessionFile(placeOf(settingsFor(url, changes)));
}

function readStored(file: string): Stored {
  return JSON.parse(readFileSync(file, "utf8")) as Stored;
}

/** The access token is over, as after a weekend. */
function expire(file: string): Stored {
  const stored = readStored(file);
  stored.session.obtainedAt -= 3_600_000;
  writeFileSync(file, JSON.stringify(stored));
  return stored;
}

async function startCaller(url: string, folder: string): Promise<ChildProcess> {
  const script = join(import.meta.dirname, "fixtures/call-through.ts");
  const child = spawn(process.execPath, ["-C", "@smcp/source", script, url, folder, CALL], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  if (child.stdout) await once(child.stdout, "data");
  return child;
}

async function reportOf(child: ChildProcess): Promise<Report> {
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => (text += part));
  await once(child, "close");
  return JSON.parse(text) as Report;
}

test(
  "L11: 4 processes with 50 requests each at expiry: one refresh, no error, the session lives on",
  { timeout: 60_000 },
  async () => {
    const pair = await startProtected();
    const { url, issuer, backend } = pair;
    const folder = scratchFolder();
    const file = await signedIn(pair, folder);
    const before = expire(file);
    const [refreshes, calls] = [issuer.requestsTo("/token"), backend.seen.length];
    const children = await Promise.all(Array.from({ length: 4 }, () => startCaller(url, folder)));
    const reports = children.map(reportOf);
    for (const child of children) child.stdin?.write("go\n");
    for (const report of await Promise.all(reports)) expect(report).toMatchObject({ answered: 50, failed: [] });
    expect(issuer.requestsTo("/token") - refreshes).toBe(1);
    expect(backend.seen.length - calls).toBe(200);
    const after = readStored(file);
    expect(after.session.accessToken).not.toBe(before.session.accessToken);
    expect(after.session.refreshToken).not.toBe(before.session.refreshToken);

    // A refresh token that had been used twice would have ended the sign-in.
    expire(file);
    const last = await startCaller(url, folder);
    const report = reportOf(last);
    last.stdin?.write("go\n");
    const { failed, log } = await report;
    expect(failed).toEqual([]);
    expect(issuer.requestsTo("/token") - refreshes).toBe(2);
    // Row L13: the session's own file is the only place that holds a token.
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    const others = entries.map((one) => join(one.parentPath, one.name)).filter((path) => path !== file);
    const told = [...log, ...others.map((path) => readFileSync(path, "utf8"))].join("\n");
    for (const { session } of [before, after, readStored(file)]) {
      for (const secret of [session.accessToken, session.refreshToken]) expect(told).not.toContain(secret);
    }
  },
);

test(
  "L11: kill -9 in the midst of a refresh: the next process goes on with the same session",
  { timeout: 60_000 },
  async () => {
    await using issuer = await startFakeIssuer();
    await using backend = await startBackend();
    const folder = scratchFolder();
    const place = placeOf(settingsFor(backend.url, { tokenStore: "file", stateFolder: folder }));
    const session = sampleSession({ issuer: issuer.url, registration: undefined, obtainedAt: Date.now() - 3_600_000 });
    await (await openSessionStore(place, silentLog)).write(session);
    const answer = issuer.grant;
    issuer.grant = () => undefined;
    const first = await startCaller(backend.url, folder);
    first.stdin?.write("go\n");
    await vi.waitFor(() => expect(issuer.grants).toHaveLength(1), WAIT);
    expect(readdirSync(folder).filter((name) => name.endsWith(".lock"))).toHaveLength(1);
    first.kill("SIGKILL");
    issuer.grant = answer;
    const second = await startCaller(backend.url, folder);
    const report = reportOf(second);
    second.stdin?.write("go\n");
    expect(await report).toMatchObject({ answered: 50, failed: [] });
    expect(issuer.grants).toHaveLength(2);
    expect(new Set(backend.seen.map(({ headers }) => headers["authorization"]))).toEqual(new Set(["Bearer token-2"]));
    expect(readdirSync(folder).filter((name) => name.endsWith(".lock"))).toEqual([]);
  },
);
