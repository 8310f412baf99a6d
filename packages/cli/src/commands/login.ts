/** `smcp login`: signs a person in ahead of the first need, and says who, where and until when. */
import { clientFlags, loadClientSettings } from "@smcp/config";
import { Failure, isRefusal, publicMessage, type Refusal } from "@smcp/core";
import type { Login, PendingSignIn, Session } from "@smcp/client";
import type { Command, Context } from "../context.ts";
import { openLog, type OpenLog } from "../log.ts";
import { wantsColour } from "../output.ts";
import { outputFlag, readDataCommand } from "../output-flag.ts";
import { listenToSignals } from "../signals.ts";

const NAMES =
  /^(?:server-url|auth-mode|oidc-.*|redirect-.*|allow-unadvertised-pkce|accept-issuer-change|open|profile|token-store|ca-file|log-.*)$/;

const line = {
  command: "smcp login",
  description: "Signs in ahead of time, for every app that uses smcp client on this machine",
  flags: [
    ...clientFlags.filter(({ name }) => NAMES.test(name)),
    { ...outputFlag, description: "how it prints; json: one line while it waits, one at the end" },
  ],
  examples: [
    ["smcp login --server-url https://mcp.example.com", "with the browser, or a code where there is none"],
    ["smcp login --oidc-flow device --profile work", "with a code, as another account"],
  ],
} as const;

type Settings = ReturnType<typeof loadClientSettings>["settings"];

/** What one run of the command writes to, and when it gives up. */
interface Run extends Context {
  readonly settings: Settings;
  readonly isJson: boolean;
  readonly log: OpenLog;
  readonly signal: AbortSignal;
}

export const login: Command = {
  async run(args, context) {
    const { env, cwd, stdout, stderr } = context;
    const read = await readDataCommand(line, args, { stdout });
    if (!read) return 0;
    const { flags, isJson } = read;
    const { settings, log: logging, warnings } = loadClientSettings({ flags, env, cwd });
    // What a person must know is told below; the log is for whoever asks for it.
    const level = flags["log-level"] ?? "error";
    const log = await openLog({ level, format: logging.format, colour: wantsColour(stderr, env) });
    for (const warning of warnings) log.warn({}, warning);
    const stop = new AbortController();
    using signals = listenToSignals({ force: () => process.exit(1) });
    void signals.stop.then(() => stop.abort());
    try {
      return await signIn({ ...context, settings, isJson, log, signal: stop.signal });
    } finally {
      await log.close();
    }
  },
};

async function signIn(run: Run): Promise<number> {
  for (let isFirst = true; ; isFirst = false) {
    const begun = await begin(run);
    if (isRefusal(begun)) throw failureOf(begun, run);
    if ("machine" in begun) return reportMachine(run);
    const ended = await wait(begun, run);
    if (!isRefusal(ended)) return report(ended, run);
    if (run.signal.aborted) return 1;
    // A code that ran out while somebody looked for their phone: one more, where somebody is there to see it.
    const isExpired = begun.code !== undefined && Date.now() >= begun.expiresAt;
    if (!isFirst || !isExpired || run.stderr.isTTY !== true) throw failureOf(ended, run);
    run.stderr.write("the code expired; here is another one\n");
  }
}

async function begin({ settings, env, stderr, isJson, log, signal }: Run): Promise<Login> {
  const client = await import("@smcp/client");
  const person = client.localPerson({ env, screen: stderr, shows: isJson ? "terminal" : "always" });
  return client.login(settings, { log, person, signal });
}

async function wait(begun: PendingSignIn, { stdout, stderr, isJson }: Run): Promise<Session | Refusal> {
  const { url, code, expiresAt } = begun;
  if (isJson) print(stdout, { state: "signing-in", url, code, expires_at: new Date(expiresAt).toISOString() });
  if (begun.isElsewhere === true)
    stderr.write(
      `another smcp process waits for this sign-in already: open ${url}${code ? ` and enter the code ${code}` : ""}\n`,
    );
  const { timeLeft } = await import("@smcp/client");
  // Also what keeps the program alive meanwhile.
  const ticking = setInterval(() => {
    if (stderr.isTTY === true) stderr.write(`\r  ${timeLeft(expiresAt - Date.now())} left \u001b[K`);
  }, 1_000);
  try {
    return await begun.done;
  } finally {
    clearInterval(ticking);
    if (stderr.isTTY === true) stderr.write("\r\u001b[K");
  }
}

function report(session: Session, { stdout, settings, isJson }: Run): number {
  const { issuer, subject, name, email, scopes, obtainedAt, lifetime, refreshToken } = session;
  const { serverUrl, profile } = settings;
  const expiresAt = lifetime === undefined ? undefined : new Date(obtainedAt + lifetime).toISOString();
  const isRenewable = refreshToken !== undefined;
  if (isJson) {
    print(stdout, {
      state: "signed-in",
      server: serverUrl.href,
      profile,
      issuer,
      subject,
      name,
      email,
      scopes,
      expires_at: expiresAt,
      is_renewable: isRenewable,
    });
    return 0;
  }
  const who = email ?? name ?? subject;
  const until = expiresAt === undefined ? "" : ` until ${expiresAt}`;
  const renewed = isRenewable ? ", renewed by itself" : ", then to be repeated";
  stdout.write(
    `signed in at ${new URL(issuer).host}${who === undefined ? "" : ` as ${who}`} for ${serverUrl.href}${until}${renewed}\n`,
  );
  return 0;
}

function reportMachine({ stdout, settings, isJson }: Run): number {
  const { serverUrl, oidc } = settings;
  if (isJson)
    print(stdout, { state: "signed-in", server: serverUrl.href, issuer: oidc.issuer, client_id: oidc.clientId });
  else stdout.write(`the client credentials of "${oidc.clientId}" work; smcp client signs in with them by itself\n`);
  return 0;
}

function print(stdout: Context["stdout"], value: Readonly<Record<string, unknown>>): void {
  stdout.write(`${JSON.stringify(value)}\n`);
}

/** Refused or expired is 4; a server or an issuer that is away is 1. */
function failureOf(refusal: Refusal, { settings }: Run): Failure {
  const reason = refusal.reason === undefined ? "" : `: ${refusal.reason}`;
  if (refusal.refused === "SIGN_IN_REFUSED") return new Failure(publicMessage(refusal), "run smcp login again", 4);
  return new Failure(`${publicMessage(refusal)}${reason}`, `check the network, and "${settings.serverUrl.href}"`, 1);
}
