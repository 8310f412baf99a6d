import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Failure, Secret } from "@smcp/core";
import { describe, expect, onTestFinished, test } from "vitest";

import { startClient, type Client } from "../src/index.ts";
import { findSocket, type Tables } from "../src/local/peer-table.ts";
import { openPeerCheck, type PeerRules } from "../src/local/peers.ts";
import { startBackend, type Backend } from "./backend.ts";
import { keepLog, type KeptLog } from "./log.ts";
import { settingsFor, type Changes } from "./settings.ts";
import { post } from "./speak.ts";

const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

function line(ends: string, uid: number, inode = 4711): string {
  return `   7: ${ends} 01 00000000:00000000 00:00000000 00000000 ${uid}        0 ${inode} 1 0000000000000000 20 4 30 10 -1\n`;
}

function hexPort(port: number): string {
  return port.toString(16).padStart(4, "0").toUpperCase();
}

describe("the table of sockets", () => {
  const tables: Tables = {
    tcp:
      HEAD +
      line("0100007F:1F91 0100007F:A2B4", 0) +
      line("0100007F:A2B4 0100007F:1F91", 1_000) +
      line("0200007F:A2B5 0100007F:1F91", 1_001, 0),
    tcp6:
      HEAD +
      line("0000000000000000FFFF00000100007F:A2B6 0000000000000000FFFF00000100007F:1F91", 1_002) +
      line("00000000000000000000000001000000:A2B7 00000000000000000000000001000000:1F91", 1_003) +
      line("B80D0120000000000000000034120000:A2B8 B80D0120000000000000000001000000:1F91", 1_004),
  };
  test.each([
    ["127.0.0.1", 41_652, "127.0.0.1", { uid: 1_000, isHeld: true }],
    ["127.0.0.2", 41_653, "127.0.0.1", { uid: 1_001, isHeld: false }],
    ["127.0.0.1", 41_654, "127.0.0.1", { uid: 1_002, isHeld: true }],
    ["::ffff:127.0.0.1", 41_652, "127.0.0.1", { uid: 1_000, isHeld: true }],
    ["::1", 41_655, "::1", { uid: 1_003, isHeld: true }],
    ["2001:db8::1234", 41_656, "2001:DB8:0:0:0:0:0:1", { uid: 1_004, isHeld: true }],
    ["127.0.0.1", 41_653, "127.0.0.1", undefined],
    ["127.0.0.1", 4_165, "127.0.0.1", undefined],
    ["::1", 41_652, "127.0.0.1", undefined],
  ])("tells whose socket %s:%i is that is connected to %s", (address, port, own, expected) => {
    expect(findSocket(tables, { address, port }, { address: own, port: 8_081 })).toEqual(expected);
  });
});

interface Pair {
  /** The client's end of a connection on loopback. */
  readonly accepted: Socket;
  /** The ends as the table writes them, the peer's first, and the other way round. */
  readonly there: string;
  readonly back: string;
}

async function pair(): Promise<Pair> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [accepted] = (await once(server, "connection")) as [Socket];
  onTestFinished(() => {
    socket.destroy();
    accepted.destroy();
    server.close();
  });
  const peer = `0100007F:${hexPort(accepted.remotePort ?? 0)}`;
  const own = `0100007F:${hexPort(accepted.localPort ?? 0)}`;
  return { accepted, there: `${peer} ${own}`, back: `${own} ${peer}` };
}

function tablesFolder(tcp: string): string {
  const folder = mkdtempSync(join(tmpdir(), "smcp-tables-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "tcp"), HEAD + tcp);
  return folder;
}

const SELF = process.geteuid?.() ?? 0;
const OTHER = SELF + 4_321;

/** Whether a connection is served, and what the log says of it. */
async function admit(tcp: (ends: Pair) => string, more: Partial<PeerRules> = {}): Promise<[boolean, string[]]> {
  const ends = await pair();
  const log = keepLog();
  const rules = { host: "127.0.0.1", isRequired: false, log, folder: tablesFolder(tcp(ends)), ...more };
  const check = await openPeerCheck(rules);
  return [
    (await check?.(ends.accepted)) ?? true,
    log.lines.map((one) => (JSON.parse(one) as { message: string }).message),
  ];
}

interface Setup {
  readonly client: Client;
  readonly backend: Backend;
  readonly log: KeptLog;
}

async function start(changes: Changes = {}): Promise<Setup> {
  const backend = await startBackend();
  const log = keepLog();
  const client = await startClient(settingsFor(backend.url, changes), log);
  onTestFinished(async () => {
    await client.close();
    await backend[Symbol.asyncDispose]();
  });
  return { client, backend, log };
}

const ownEndAlone = ({ back }: Pair): string => line(back, SELF);

describe.skipIf(process.platform !== "linux")("whose connection is served (Linux)", () => {
  test("this user's and root's are; another user's is closed, and so is one whose program has fled", async () => {
    expect(await admit(({ there }) => line(there, SELF))).toEqual([true, []]);
    expect(await admit(({ there }) => line(there, 0))).toEqual([true, []]);
    const closed = `a connection of another user (${OTHER}) was closed`;
    expect(await admit(({ there }) => line(there, OTHER))).toEqual([false, [closed]]);
    // The table says 0 of a socket that nobody holds any more.
    const fled = "a connection was closed: its program had gone already";
    expect(await admit(({ there, back }) => line(there, 0, 0) + line(back, SELF))).toEqual([false, [fled]]);
    expect(await admit(() => "")).toEqual([false, [fled]]);
  });

  test("one that the table does not know is served, unless --require-peer-uid; the log says so once", async () => {
    expect(await admit(ownEndAlone)).toEqual([true, ["whose a connection is cannot be told: it is served"]]);
    expect(await admit(ownEndAlone, { isRequired: true })).toEqual([
      false,
      ["whose a connection is cannot be told: it was closed"],
    ]);
  });

  test("where the table cannot be read: a line in the log, and with --require-peer-uid no start", async () => {
    const folder = "/proc/none";
    expect(await admit(() => "", { folder })).toEqual([
      true,
      ["whose a connection is cannot be told here: other users of this machine are not refused"],
    ]);
    const required = openPeerCheck({ host: "127.0.0.1", isRequired: true, log: keepLog(), folder });
    await expect(required).rejects.toThrow(
      new Failure(
        "whose a connection is cannot be read: ENOENT: no such file or directory, open '/proc/none/tcp'",
        'leave "--require-peer-uid" out, or listen on a socket of your own: --listen unix:PATH',
        2,
      ),
    );
  });

  test("an address that others reach is not asked about, unless --require-peer-uid", async () => {
    const rules = { host: "0.0.0.0", log: keepLog() };
    expect(await openPeerCheck({ ...rules, isRequired: false })).toBeUndefined();
    expect(await openPeerCheck({ ...rules, isRequired: true })).toBeDefined();
  });

  test("many connections at once are served, and the table is not read for each", async () => {
    const { client } = await start({ requirePeerUid: true });
    const urls = [client.url, client.url.replace("127.0.0.1", "[::1]")];
    const all = await Promise.all(Array.from({ length: 100 }, (_, n) => post(urls[n % 2] ?? "", "/v1/docs", PING)));
    expect(all.filter(({ status }) => status === 200)).toHaveLength(100);
  });
});

const isRoot = process.platform === "linux" && SELF === 0;

/** Sends a request as uid 65534, then does as the script says; the answer is what that prints. */
async function asNobody(url: string, then: string, path = "/v1/docs"): Promise<string> {
  const { port, host } = new URL(url);
  const head = `host: ${host}\\r\\nconnection: close\\r\\ncontent-type: application/json\\r\\ncontent-length: ${PING.length}`;
  const text = `POST ${path} HTTP/1.1\\r\\n${head}\\r\\n\\r\\n${PING}`;
  const script = `exec 3<>/dev/tcp/127.0.0.1/${port}; printf '${text}' >&3; ${then}`;
  const child = spawn("bash", ["-c", script], {
    uid: 65_534,
    gid: 65_534,
    cwd: "/",
    stdio: ["ignore", "pipe", "ignore"],
  });
  let answer = "";
  child.stdout.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  await once(child, "close");
  return answer;
}

describe.skipIf(!isRoot)("another user's request (as root only)", () => {
  test("L4: of uid 65534 it is closed without an answer and told in the log", async () => {
    const { client, backend, log } = await start();
    expect(await asNobody(client.url, "cat <&3")).toBe("");
    expect(log.lines.join("\n")).toContain("a connection of another user (65534) was closed");
    // Whoever sends and flees is not root either.
    const before = log.lines.length;
    await Promise.all(Array.from({ length: 10 }, () => asNobody(client.url, "true")));
    const closed = /was closed/;
    await expect.poll(() => log.lines.slice(before).filter((one) => closed.test(one))).toHaveLength(10);
    expect(backend.seen).toEqual([]);
    expect(await post(client.url, "/v1/docs", PING)).toMatchObject({ status: 200, body: PING });
  });

  test("with a local secret it is served to whoever has it, unless --require-peer-uid", async () => {
    const localSecret = new Secret("c2VjcmV0c2VjcmV0");
    const shared = await start({ localSecret });
    expect(await asNobody(shared.client.url, "cat <&3")).toMatch(/^HTTP\/1\.1 403 /);
    expect(await asNobody(shared.client.url, "cat <&3", "/s/c2VjcmV0c2VjcmV0/v1/docs")).toMatch(/^HTTP\/1\.1 200 /);
    expect(shared.backend.seen).toHaveLength(1);
    const own = await start({ localSecret, requirePeerUid: true });
    expect(await asNobody(own.client.url, "cat <&3", "/s/c2VjcmV0c2VjcmV0/v1/docs")).toBe("");
    expect(own.backend.seen).toEqual([]);
  });
});
