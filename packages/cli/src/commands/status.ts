/** `smcp status`: who is signed in where, until when, and what the clients that run on this machine do. Asks nobody. */
import type { RunningClient, SignInState, StoredSignIn } from "@smcp/client";
import { clientFlags, loadClientProfile } from "@smcp/config";
import type { Command } from "../context.ts";
import { openLog } from "../log.ts";
import { wantsColour } from "../output.ts";
import { jsonText, outputFlag, readDataCommand } from "../output-flag.ts";
import { statusText } from "../status-text.ts";

const NAMES = new Set(["server-url", "profile"]);

const line = {
  command: "smcp status",
  description: "Shows who is signed in where, and what the running clients do; exit code 4 when nobody is signed in",
  flags: [...clientFlags.filter(({ name }) => NAMES.has(name)), outputFlag],
  examples: [
    ["smcp status", "all servers and profiles"],
    ["smcp status --server-url https://mcp.example.com --output json", "one server, for a program"],
  ],
} as const;

/** What is shown. */
export interface Shown {
  readonly signIns: readonly StoredSignIn[];
  readonly running: readonly RunningClient[];
}

export const status: Command = {
  async run(args, { env, cwd, stdout, stderr }) {
    const read = await readDataCommand(line, args, { stdout });
    if (!read) return 0;
    const { flags, isJson } = read;
    const { serverUrl, stateFolder } = loadClientProfile({ flags, env, cwd });
    const log = await openLog({ level: "warn", format: "text", colour: wantsColour(stderr, env) });
    const { runningClients, storedSignIns } = await import("@smcp/client");
    const all = { signIns: await storedSignIns(stateFolder, log), running: await runningClients(stateFolder) };
    await log.close();
    // What the environment or client.yaml names is where to sign in, not what to look at.
    const shown = only(all, flags["server-url"] === undefined ? undefined : serverUrl, flags["profile"]);
    stdout.write(isJson ? jsonText(asJson(shown)) : statusText(shown, Date.now()));
    return isSignedIn(shown) ? 0 : 4;
  },
};

function only({ signIns, running }: Shown, serverUrl: URL | undefined, profile: string | undefined): Shown {
  const isMeant = (one: { readonly server: string; readonly profile: string }): boolean =>
    (serverUrl === undefined || bare(one.server) === bare(serverUrl.href)) &&
    (profile === undefined || one.profile === profile);
  return { signIns: signIns.filter(isMeant), running: running.filter(isMeant) };
}

function bare(url: string): string {
  return url.replace(/\/+$/, "");
}

function isSignedIn({ signIns, running }: Shown): boolean {
  return (
    signIns.some(({ state }) => state?.state === "signed-in") ||
    running.some(({ signIn: { state } }) => state === "signed-in" || state === "unneeded")
  );
}

function asJson({ signIns, running }: Shown): unknown {
  return {
    sign_ins: signIns.map(({ server, profile, state }) => ({ server, profile, ...stateJson(state) })),
    running: running.map((one) => ({
      pid: one.pid,
      url: one.url,
      server: one.server,
      profile: one.profile,
      version: one.version,
      started_at: timeJson(one.startedAt),
      sign_in: stateJson(one.signIn),
      calls: one.calls,
      apps: one.apps.map(({ name, version = null, calls, lastUse }) => {
        return { name, version, calls, last_use: timeJson(lastUse) };
      }),
      last_error: one.lastError ? { ...one.lastError, at: timeJson(one.lastError.at) } : null,
    })),
  };
}

function stateJson(state: SignInState | undefined): Record<string, unknown> {
  if (!state) return { state: "unusable" };
  const { expiresAt, isRenewable, clientId, scopes = [], ...rest } = state;
  const { issuer, subject, name, email, url, code, problem } = rest;
  const known = { issuer, client_id: clientId, subject, name, email, url, code, problem };
  return {
    state: state.state,
    // What is not known stands there too.
    ...Object.fromEntries(Object.entries(known).map(([key, value]) => [key, value ?? null])),
    scopes,
    expires_at: expiresAt === undefined ? null : timeJson(expiresAt),
    renewable: isRenewable === true,
  };
}

function timeJson(at: number): string {
  return new Date(at).toISOString();
}
