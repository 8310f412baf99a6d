/** A client whose person has not signed in yet, in front of a server that records and answers as a test says. */
import { onTestFinished } from "vitest";

import type { Client } from "../src/index.ts";
import { Metrics } from "../src/metrics.ts";
import { startWith } from "../src/start.ts";
import { keepLog, type KeptLog } from "./log.ts";
import { Person } from "./person.ts";
import { settingsFor, type Changes } from "./settings.ts";

export interface SignedOut {
  readonly client: Client;
  readonly person: Person;
  readonly log: KeptLog;
}

/** Starts it; a test's end stops it. */
export async function startSignedOut(url: string, changes: Changes = {}): Promise<SignedOut> {
  const log = keepLog();
  const person = new Person();
  const settings = settingsFor(url, { authMode: "auto", ...changes });
  const client = await startWith(settings, { tokens: person, metrics: new Metrics(), log, trust: undefined });
  onTestFinished(() => client.close());
  return { client, person, log };
}
