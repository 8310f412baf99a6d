/** What people read about a sign-in that waits for them: in an app's error, on a terminal, in the log. */
import { refuse, type Duration, type Refusal } from "@smcp/core";

import type { PendingSignIn } from "./sign-in.ts";

/** A sign-in as it is put to a person. */
export interface Prompt {
  /** Host of the smcp server that asks for it. */
  readonly server: string;
  /** Host of the identity provider. */
  readonly issuer: string;
  readonly url: string;
  /** The URL with the code in it, where the provider gave one: for scanning and opening, never instead of the code. */
  readonly completeUrl: string | undefined;
  readonly code: string | undefined;
  /** Wall-clock milliseconds. */
  readonly startedAt: number;
  readonly expiresAt: number;
  /** Name of this machine. */
  readonly machine: string;
  /** True when a browser shows the page already. */
  readonly isOpened: boolean;
}

/** The refusal that apps get while a sign-in waits: where to go, the code, the time left. */
export function refusePending(pending: PendingSignIn, server: string, now: number): Refusal {
  const { url, code, expiresAt } = pending;
  const enter = code === undefined ? "" : ` and enter the code ${code}`;
  const reason = `sign in to use the smcp server at ${server}: open ${url}${enter} (${timeLeft(expiresAt - now)} left)`;
  return refuse("SIGN_IN_PENDING", { reason }, { reason: "waiting for a person to sign in" });
}

/** A length of time as a person says it: `9 min 30 s`, `45 s`. */
export function timeLeft(duration: Duration): string {
  const seconds = Math.max(0, Math.ceil(duration / 1_000));
  const minutes = Math.floor(seconds / 60);
  const rest = seconds % 60;
  if (minutes === 0) return `${rest} s`;
  return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
}

/** The lines that are shown once, on a terminal or by `smcp login`. */
export function promptLines(prompt: Prompt): string[] {
  const { server, issuer, url, code, startedAt, expiresAt, machine, isOpened } = prompt;
  const opened = isOpened ? "; your browser was opened" : "";
  return [
    `sign in at ${issuer} to use the smcp server at ${server}${opened}`,
    `  open   ${url}`,
    ...(code === undefined ? [] : [`  code   ${code}`]),
    `  until  ${clockTime(expiresAt)} (${timeLeft(expiresAt - startedAt)})`,
    `You started this sign-in on ${machine} at ${clockTime(startedAt)}. If you did not, close the page.`,
    ...(code === undefined ? [`The browser must run on ${machine}: it is sent back to this machine.`] : []),
  ];
}

/** The time of day here. */
function clockTime(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes()].map((one) => String(one).padStart(2, "0")).join(":");
}
