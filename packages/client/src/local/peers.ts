/**
 * Whose programs may speak to the local endpoint: this user's own, and root's. Linux tells whose socket is at the other end
 * of a connection of this machine; it is asked once for each connection, never for a request.
 */
import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";

import { describeError, Failure, isLoopbackName, type Log } from "@smcp/core";

import { findSocket, type End, type Tables } from "./peer-table.ts";

/** What the check needs to know. */
export interface PeerRules {
  /** The address that is listened on. */
  readonly host: string;
  /** Serve nobody whose user cannot be told. */
  readonly isRequired: boolean;
  readonly log: Log;
  /** Where the tables are. */
  readonly folder?: string;
}

const SHARING = "where others are to be served, give them a secret: --local-secret-file";

/** True: the connection is served. Never rejects. */
export type PeerCheck = (socket: Socket) => Promise<boolean>;

/** `own` user, another one, a peer that has gone, one that this machine's tables do not know. */
type Verdict = "own" | "gone" | "unknown" | { readonly uid: number };

/**
 * The check for one endpoint; `undefined` where there is none to make: on systems that do not tell, and on addresses that
 * are meant for others.
 *
 * @throws {Failure} where it is required and the system does not tell
 */
export async function openPeerCheck(rules: PeerRules): Promise<PeerCheck | undefined> {
  const { isRequired, host, log } = rules;
  if (!isRequired && !isLoopbackName(host)) return undefined;
  const uid = process.geteuid?.();
  if (process.platform !== "linux" || uid === undefined) {
    if (isRequired) throw unable("this system does not tell whose a connection is");
    return undefined;
  }
  const reader = new TableReader(rules.folder ?? "/proc/net");
  try {
    await reader.read();
  } catch (error) {
    const reason = describeError(error);
    if (isRequired) throw unable(`whose a connection is cannot be read: ${reason}`);
    log.warn({ reason }, "whose a connection is cannot be told here: other users of this machine are not refused");
    return undefined;
  }
  return new Check(rules, uid, reader).admit;
}

function unable(what: string): Failure {
  return new Failure(what, 'leave "--require-peer-uid" out, or listen on a socket of your own: --listen unix:PATH', 2);
}

class Check {
  readonly #rules: PeerRules;
  readonly #uid: number;
  readonly #reader: TableReader;
  #hasTold = false;

  constructor(rules: PeerRules, uid: number, reader: TableReader) {
    this.#rules = rules;
    this.#uid = uid;
    this.#reader = reader;
  }

  admit = async (socket: Socket): Promise<boolean> => {
    const { remoteAddress, remotePort, localAddress, localPort } = socket;
    // It has ended before it was looked at.
    if (remoteAddress === undefined || remotePort === undefined) return false;
    const peer: End = { address: remoteAddress, port: remotePort };
    const own: End = { address: localAddress ?? "", port: localPort ?? 0 };
    const { log, isRequired } = this.#rules;
    let verdict: Verdict;
    try {
      verdict = await this.#judge(peer, own);
    } catch (error) {
      this.#tellOnce(describeError(error));
      return !isRequired;
    }
    if (verdict === "own") return true;
    if (verdict === "unknown") {
      this.#tellOnce("its other end is in no table");
      return !isRequired;
    }
    if (verdict === "gone") log.debug({}, "a connection was closed: its program had gone already");
    else log.warn({ uid: verdict.uid, hint: SHARING }, `a connection of another user (${verdict.uid}) was closed`);
    return false;
  };

  async #judge(peer: End, own: End): Promise<Verdict> {
    const tables = await this.#reader.read();
    const found = findSocket(tables, peer, own);
    if (found) {
      // Nobody's any more: whoever sent something and fled would pass for root.
      if (!found.isHeld) return "gone";
      return found.uid === this.#uid || found.uid === 0 ? "own" : { uid: found.uid };
    }
    if (!findSocket(tables, own, peer)) return "gone";
    // A peer that broke off while the table was read is not in it; our end of the connection would then be gone by now.
    return findSocket(await this.#reader.read(), own, peer) ? "unknown" : "gone";
  }

  #tellOnce(reason: string): void {
    if (this.#hasTold) return;
    this.#hasTold = true;
    const what = this.#rules.isRequired ? "it was closed" : "it is served";
    this.#rules.log.warn({ reason }, `whose a connection is cannot be told: ${what}`);
  }
}

/** Reads the tables: one reading at a time, shared by all who asked before it began. */
class TableReader {
  readonly #folder: string;
  #running: Promise<Tables> | undefined;
  #next: Promise<Tables> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The tables as they are after this call. Rejects where they cannot be read. */
  read(): Promise<Tables> {
    if (!this.#running) return this.#begin();
    const again = (): Promise<Tables> => {
      this.#next = undefined;
      return this.#begin();
    };
    return (this.#next ??= this.#running.then(again, again));
  }

  #begin(): Promise<Tables> {
    const running = this.#load().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #load(): Promise<Tables> {
    const [tcp, tcp6] = await Promise.all([
      readFile(`${this.#folder}/tcp`, "latin1"),
      readFile(`${this.#folder}/tcp6`, "latin1").catch(missing),
    ]);
    return { tcp, tcp6 };
  }
}

function missing(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "";
  throw error;
}
