/**
 * The place that the browser is sent back to: one path on loopback, one answer, for a few minutes. Pages here are constant:
 * nothing of what arrives is ever shown.
 */
import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

import { Failure, readHeaders, type Log } from "@smcp/core";
import type { Listener, Reply } from "@smcp/edge";

import { openLoopback } from "../loopback.ts";

const PATH = "/callback";

/** Where to listen. */
export interface CallbackPlace {
  /** The name in the redirect URI: a loopback name. */
  readonly host: string;
  /** Tried in order; empty: any free port. */
  readonly ports: readonly number[];
}

/** The one answer of the provider. */
export interface Arrived {
  /** The redirect URI with what the provider added. */
  readonly url: URL;
  /** Shows the person a page that says how it ended. */
  readonly show: (isGood: boolean) => void;
}

/** An open place. */
export interface Callback extends AsyncDisposable {
  readonly redirectUri: string;
  /** The first request that carries our state; never rejects, and may never end. */
  readonly arrived: Promise<Arrived>;
}

/**
 * Opens the place.
 *
 * @param state what the provider was given and must bring back
 * @throws {Failure} where every port is taken
 */
export async function openCallback(place: CallbackPlace, state: string, log: Log): Promise<Callback> {
  const { promise: arrived, resolve } = Promise.withResolvers<Arrived>();
  let isUsed = false;
  let authority = "";
  const handle = (incoming: IncomingMessage, _: unknown, reply: Reply): void => {
    const query = judge(incoming, authority);
    if (typeof query === "number") {
      answer(reply, query, PAGES.foreign);
    } else if (isUsed || !isOurs(query, state)) {
      // A page that guesses must neither end the sign-in nor learn that there is one.
      answer(reply, 400, PAGES.foreign);
    } else {
      isUsed = true;
      const url = new URL(`http://${authority}${PATH}?${query}`);
      resolve({ url, show: (isGood) => answer(reply, isGood ? 200 : 400, isGood ? PAGES.done : PAGES.failed) });
    }
  };
  const listeners = await listen(place, log, handle);
  authority = `${place.host}:${listeners[0]?.port}`;
  return {
    redirectUri: `http://${authority}${PATH}`,
    arrived,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(listeners.map((one) => one.close(GRACE)));
    },
  };
}

/** For the last page to arrive. */
const GRACE = 1_000;

async function listen(
  { host, ports }: CallbackPlace,
  log: Log,
  handle: (incoming: IncomingMessage, _: unknown, reply: Reply) => void,
): Promise<readonly Listener[]> {
  const rules = { host, readTimeout: 5_000, writeTimeout: 5_000, maxConnections: 16, log, handle };
  for (const port of ports.length > 0 ? ports : [0]) {
    try {
      return await openLoopback({ ...rules, port });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  }
  throw new Failure(
    `no port for the sign-in's answer is free on ${host}${ports.length > 0 ? ` (${ports.join(", ")})` : ""}`,
    "give others with --redirect-port",
  );
}

/** The query of a request that may be the answer, else the status of its refusal. */
function judge(incoming: IncomingMessage, authority: string): string | number {
  const headers = readHeaders(incoming.rawHeaders);
  if (typeof headers === "string" || headers.get("host")?.toLowerCase() !== authority) return 403;
  if (incoming.method !== "GET") return 405;
  const [path, query = "", ...more] = (incoming.url ?? "").split("?");
  return path === PATH && more.length === 0 && !query.includes("#") ? query : 404;
}

function isOurs(query: string, state: string): boolean {
  const states = new URLSearchParams(query).getAll("state");
  const [given = ""] = states;
  const [a, b] = [Buffer.from(given), Buffer.from(state)];
  return states.length === 1 && a.length === b.length && timingSafeEqual(a, b);
}

function page(title: string, text: string): Buffer {
  return Buffer.from(`<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1><p>${text}</p>\n`);
}

const PAGES = {
  done: page("Signed in", "You can close this page and go back to your app."),
  failed: page("Not signed in", "smcp says why: in the terminal, in its log or in your app. You can close this page."),
  foreign: page("Nothing here", "No sign-in waits for this address."),
} as const;

const HEADERS = [
  "content-type",
  "text/html; charset=utf-8",
  "cache-control",
  "no-store",
  "referrer-policy",
  "no-referrer",
  "content-security-policy",
  "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options",
  "nosniff",
  "connection",
  "close",
];

function answer(reply: Reply, status: number, text: Buffer): void {
  reply.send(status, [...HEADERS, ...(status === 405 ? ["allow", "GET"] : [])], text);
}
