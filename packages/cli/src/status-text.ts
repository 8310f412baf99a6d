/** `smcp status` for people. Pure text. */
import type { RunningClient, SignInState, StoredSignIn } from "@smcp/client";
import type { Shown } from "./commands/status.ts";

/** The whole answer, as lines. */
export function statusText({ signIns, running }: Shown, now: number): string {
  const blocks = [
    ...(signIns.length === 0 && !running.some(({ signIn }) => signIn.state === "signed-in")
      ? ["nobody is signed in: smcp login --server-url URL, or use an app and the client asks"]
      : signIns.map((one) => storedText(one, now))),
    ...(running.length === 0 ? ["no smcp client is running"] : running.map((one) => runningText(one, now))),
  ];
  return `${blocks.join("\n\n")}\n`;
}

function storedText({ server, profile, state }: StoredSignIn, now: number): string {
  const head = `${server}${profileText(profile)}: ${state ? stateText(state, now) : "cannot be used, sign in again"}`;
  return [
    head,
    ...rows([
      ["issuer", state?.issuer],
      ["scopes", state?.scopes?.join(" ")],
    ]),
  ].join("\n");
}

function runningText(one: RunningClient, now: number): string {
  const { url, pid, startedAt, server, profile, signIn, apps, calls, lastError } = one;
  const used = apps.filter((app) => app.calls > 0);
  const [first, ...more] = used.map((app) => {
    const version = app.version === undefined ? "" : ` ${app.version}`;
    return `${app.name}${version}: ${count(app.calls, "call")}, ${ago(app.lastUse, now)}`;
  });
  return [
    `smcp client on ${url} (pid ${pid}), for ${span(now - startedAt)}`,
    ...rows([
      ["server", `${server}${profileText(profile)}`],
      ["sign-in", stateText(signIn, now)],
      ["apps", first ?? "none yet"],
      ...more.map((app) => ["", app] as const),
      ["calls", String(calls)],
      ["last error", lastError && `${lastError.code}, ${ago(lastError.at, now)}: ${lastError.message}`],
    ]),
  ].join("\n");
}

function rows(all: readonly (readonly [name: string, value: string | undefined])[]): string[] {
  return all.flatMap(([name, value]) => (value ? [`  ${name.padEnd(11)}${plain(value)}`] : []));
}

function stateText(state: SignInState, now: number): string {
  const { url = "somebody", code, problem } = state;
  if (state.state === "unneeded") return "none needed so far";
  if (state.state === "signing-in") return `waits for ${url}${code === undefined ? "" : `, code ${code}`}`;
  const why = problem === undefined ? "" : ` (${problem})`;
  return `${state.state === "signed-out" ? "signed out" : signedInText(state, now)}${why}`;
}

function signedInText({ email, name, subject, expiresAt = 0, isRenewable }: SignInState, now: number): string {
  const who = email ?? name ?? subject;
  const head = who === undefined ? "signed in" : `signed in as ${plain(who)}`;
  const left = expiresAt > now ? ` for ${span(expiresAt - now)}` : "";
  if (isRenewable !== true) return head + left;
  return `${head}${left === "" ? "," : `${left}, then`} renewed by itself`;
}

function profileText(profile: string): string {
  return profile === "default" ? "" : ` (profile "${profile}")`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

function ago(at: number, now: number): string {
  return now - at < 2_000 ? "just now" : `${span(now - at)} ago`;
}

/** A time span as a person says it. */
function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** What a peer said of itself must not steer a terminal. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, " ");
}
