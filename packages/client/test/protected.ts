/** A real smcp server with a recording backend behind it, a real provider for people, and a client in front. */
import type { ServerSettings } from "@smcp/config";
import { startIssuer, type Issuer, type IssuerOptions } from "@smcp/demo";
import { httpBackend, recordingBackend, startTestServer, trust, type RecordingBackend } from "@smcp/testing";
import { onTestFinished } from "vitest";

import { startClient, type Client } from "../src/index.ts";
import { keepLog, type KeptLog } from "./log.ts";
import { settingsFor, type Changes } from "./settings.ts";
import { post, type Spoken } from "./speak.ts";
import { Visitor } from "./visitor.ts";

export const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';

export interface Protected {
  readonly issuer: Issuer;
  readonly backend: RecordingBackend;
  /** The server's URL. */
  readonly url: string;
}

/** Starts provider, backend and server; a test's end stops them. */
export async function startProtected(
  people: IssuerOptions["people"] = {},
  client: ServerSettings["client"] = { clientId: "smcp-laptop", flows: [] },
  options: IssuerOptions = {},
): Promise<Protected> {
  const issuer = await startIssuer({ ...options, people });
  const backend = await recordingBackend();
  const server = await startTestServer({
    backends: [httpBackend("docs", backend.url)],
    issuers: [trust(issuer.url)],
    client,
  });
  onTestFinished(async () => {
    await server[Symbol.asyncDispose]();
    await backend[Symbol.asyncDispose]();
    await issuer.close();
  });
  return { issuer, backend, url: server.url };
}

export interface InFront {
  readonly client: Client;
  readonly person: Visitor;
  readonly log: KeptLog;
  readonly call: () => Promise<Spoken>;
}

/** Starts a client that was told nothing but the server's URL. */
export async function startInFront(url: string, changes: Changes = {}, person = new Visitor()): Promise<InFront> {
  const log = keepLog();
  const client = await startClient(settingsFor(url, { authMode: "auto", ...changes }), log, undefined, person);
  onTestFinished(() => client.close());
  return { client, person, log, call: () => post(client.url, "/docs", CALL) };
}

/** The error in an answer. */
export function errorIn(answer: Spoken): { code: number; message: string } {
  return (JSON.parse(answer.body) as { error: { code: number; message: string } }).error;
}
