/**
 * `npm run bench`: what smcp costs, beside the backend itself and a bare relay, in one run. Figures of two runs on one machine
 * may differ by a fifth; the ratios within one table are what counts.
 *
 *   npm run bench -- --seconds 3 --only call,burst
 *
 * It runs the program in its published form, which it builds first; with --source, from source.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { signingIssuer } from "../src/issuer.ts";
import { costOfStreams } from "./idle.ts";
import type { Job } from "./load.ts";
import { here, memoryOf, runJob, startCommand, startOnce, startScript, stopAll } from "./process.ts";

interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly pids: readonly number[];
  readonly program?: readonly string[];
}

interface Work {
  readonly name: string;
  readonly title: string;
  readonly tool: string;
  readonly connections: number;
  readonly contestants: readonly Contestant[];
  /** What the ratios refer to. */
  readonly base: string;
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    only: { type: "string" },
    rounds: { type: "string", default: "3" },
    profile: { type: "string" },
    source: { type: "boolean", default: false },
    streams: { type: "string", default: "5000" },
  },
});
// With --profile FOLDER, server and client leave a CPU profile there.
const profiling = values.profile ? ["--cpu-prof", `--cpu-prof-dir=${values.profile}`] : [];
const source = [process.execPath, ...profiling, "-C", "@smcp/source", here("../../cli/src/bin.ts")];
const built = [process.execPath, ...profiling, here("../../cli/dist/bin.js")];
const smcp = values.source ? source : built;
const JSON_HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" };

const scratch = await mkdtemp(join(tmpdir(), "smcp-bench-"));
try {
  if (!values.source) build();
  if (!values.only) await showStarts();
  const works = await prepare();
  const isWanted = (name: string): boolean => !values.only || values.only.split(",").includes(name);
  for (const work of works) if (isWanted(work.name)) await compare(work);
  if (isWanted("idle")) await showIdle(works[0]?.contestants ?? []);
} finally {
  await stopAll();
  await rm(scratch, { recursive: true, force: true });
}
process.exit(0);

async function prepare(): Promise<readonly Work[]> {
  const issuer = await signingIssuer();
  const token = await issuer.token();
  const backend = await startScript("backend.ts", {}, 0);
  const relay = await startScript("relay.ts", { UPSTREAM: `http://127.0.0.1:${backend.port}` }, 1);
  const bridge = await startScript("bridge.ts", { ECHO: here("echo-stdio.ts") }, 1);

  const serverPort = await freePort();
  const config = join(scratch, "smcp.yaml");
  await writeFile(config, serverFile(serverPort, backend.port, issuer.issuer));
  const server = await startCommand([...smcp, "server", "-c", config, "-l", "error"], {}, 1, () =>
    isReady(serverPort, "/readyz"),
  );
  const clientPort = await freePort();
  const client = await startCommand(
    [...smcp, "client", "--server-url", `http://127.0.0.1:${serverPort}`, "--port", String(clientPort), "-l", "error"],
    {
      SMCP_CLIENT_OIDC_ISSUER: issuer.issuer,
      SMCP_CLIENT_OIDC_CLIENT_ID: "bench",
      SMCP_CLIENT_OIDC_CLIENT_SECRET: "secret",
      SMCP_CLIENT_OIDC_FLOW: "client-credentials",
    },
    1,
    () => isReady(clientPort, "/health"),
  );
  print(`memory at rest: server ${memoryOf(server.pid)} MiB, client ${memoryOf(client.pid)} MiB\n`);

  const signedIn = { ...JSON_HEADERS, authorization: `Bearer ${token}` };
  const http: Contestant[] = [
    { name: "direct", port: backend.port, path: "/mcp", headers: JSON_HEADERS, pids: [] },
    { name: "bare relay", port: relay.port, path: "/mcp", headers: signedIn, pids: pids(relay.child) },
    { name: "server", port: serverPort, path: "/v1/http", headers: signedIn, pids: pids(server) },
    { name: "client + server", port: clientPort, path: "/v1/http", headers: JSON_HEADERS, pids: pids(server, client) },
  ];
  const stdioPath = "/v1/stdio";
  const stdio: Contestant[] = [
    { name: "direct", port: 0, path: "", headers: {}, pids: [], program: [process.execPath, here("echo-stdio.ts")] },
    { name: "bare bridge", port: bridge.port, path: "/", headers: JSON_HEADERS, pids: pids(bridge.child) },
    {
      name: "server",
      port: serverPort,
      path: stdioPath,
      headers: await session(serverPort, stdioPath, signedIn),
      pids: pids(server),
    },
    {
      name: "client + server",
      port: clientPort,
      path: stdioPath,
      headers: await session(clientPort, stdioPath, JSON_HEADERS),
      pids: pids(server, client),
    },
  ];
  return [
    {
      name: "call",
      title: "small tools/call, 64 connections",
      tool: "echo",
      connections: 64,
      contestants: http,
      base: "bare relay",
    },
    {
      name: "one",
      title: "small tools/call, 1 connection",
      tool: "echo",
      connections: 1,
      contestants: http,
      base: "bare relay",
    },
    {
      name: "blob",
      title: "result of 1 MiB, 8 connections",
      tool: "blob",
      connections: 8,
      contestants: http,
      base: "bare relay",
    },
    {
      name: "burst",
      title: "burst of 100 events, 16 connections",
      tool: "burst",
      connections: 16,
      contestants: http,
      base: "bare relay",
    },
    {
      name: "stdio",
      title: "stdio call, 8 connections",
      tool: "echo",
      connections: 8,
      contestants: stdio,
      base: "bare bridge",
    },
  ];
}

function build(): void {
  const { status, stderr } = spawnSync(process.execPath, [here("../../cli/dev/build.js")], { encoding: "utf8" });
  if (status !== 0) throw new Error(`the program could not be built:\n${stderr}`);
}

/** Start to first answer, without children: the middle of seven, after one that fills the compile cache. */
async function showStarts(): Promise<void> {
  const port = await freePort();
  const config = join(scratch, "start.yaml");
  await writeFile(
    config,
    JSON.stringify({ listen: `127.0.0.1:${port}`, servers: { docs: { url: "http://127.0.0.1:9/mcp" } } }),
  );
  const client = ["client", "--server-url", "http://127.0.0.1:9", "--port", String(port), "-l", "error"];
  const starts: readonly (readonly [string, readonly string[]])[] = [
    ["server, published", [...built, "server", "-c", config, "-l", "error"]],
    ["server, from source", [...source, "server", "-c", config, "-l", "error"]],
    ["client, published", [...built, ...client]],
    ["client, from source", [...source, ...client]],
  ];
  print(`start to first answer, and memory then\n${columns("", "ms", "MiB")}`);
  for (const [name, argv] of starts) {
    const runs = [];
    for (let i = 0; i < 8; i++) runs.push(await startOnce(argv, port, { XDG_CACHE_HOME: join(scratch, "cache") }));
    const ms =
      runs
        .slice(1)
        .map((run) => run.ms)
        .toSorted((a, b) => a - b)[3] ?? 0;
    print(columns(name, ms.toFixed(0), String(runs.at(-1)?.memory)));
  }
  print("");
}

async function compare({ title, tool, connections, contestants, base }: Work): Promise<void> {
  const runs = new Map<string, Run[]>();
  // In turn, round by round, so that a noisy minute of the machine falls on everybody.
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { name, port, path, headers, program, pids } of contestants) {
      const runMs = Number(values.seconds) * 1_000;
      const job: Job = { port, path, headers, tool, connections, warmMs: 1_000, runMs, ...(program && { program }) };
      runs.set(name, [...(runs.get(name) ?? []), await runJob(job, pids)]);
    }
  }
  const rows = [...runs].map(([name, all]) => Object.assign(median(all), { name }));
  const reference = rows.find((row) => row.name === base)?.rate ?? Number.NaN;
  print(`${title}\n${columns("", "req/s", `x ${base}`, "p50 us", "p99 us", "CPU us/req", "errors")}`);
  for (const { name, rate, p50, p99, cpu, errors } of rows) {
    const cost = cpu > 0 ? cpu.toFixed(1) : "-";
    print(
      columns(name, rate.toFixed(0), (rate / reference).toFixed(2), String(p50), String(p99), cost, String(errors)),
    );
  }
  print("");
}

/** Memory of streams that stay open: the legacy era's GET. */
async function showIdle(contestants: readonly Contestant[]): Promise<void> {
  const count = Number(values.streams);
  print(`${count} idle streams\n${columns("", "KiB a stream")}`);
  // A laptop has not that many connections.
  for (const held of contestants.filter(({ pids }) => pids.length === 1)) {
    // A process that was never busy would grow for other reasons while streams are opened.
    await runJob({ ...held, tool: "echo", connections: 16, warmMs: 1_000, runMs: 1_000 }, []);
    const headers = { ...held.headers, accept: "text/event-stream" };
    print(columns(held.name, (await costOfStreams({ ...held, headers }, count)).toFixed(1)));
  }
  print("");
}

type Run = Awaited<ReturnType<typeof runJob>>;

/** The middle of each figure over the rounds; errors are added up. */
function median(runs: readonly Run[]) {
  const middle = (of: (run: Run) => number): number => runs.map(of).toSorted((a, b) => a - b)[runs.length >> 1] ?? 0;
  return {
    rate: middle(({ requests, seconds }) => requests / seconds),
    p50: middle(({ p50 }) => p50),
    p99: middle(({ p99 }) => p99),
    cpu: middle(({ cpuSeconds, requests }) => (cpuSeconds * 1e6) / requests),
    errors: runs.reduce((sum, { errors }) => sum + errors, 0),
  };
}

/** Opens a session as an app does, so that calls reach a child; its id goes into the headers. */
async function session(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "bench", version: "1" } };
  const url = `http://127.0.0.1:${port}${path}`;
  const opened = await fetch(url, {
    method: "POST",
    headers,
    body: JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params }),
  });
  const answer = await opened.text();
  const id = opened.headers.get("mcp-session-id");
  if (!id) throw new Error(`no session at ${url}: ${opened.status} ${answer}`);
  const known = { ...headers, "mcp-session-id": id, "mcp-protocol-version": "2025-11-25" };
  await fetch(url, { method: "POST", headers: known, body: '{"jsonrpc":"2.0","method":"notifications/initialized"}' });
  return known;
}

function serverFile(port: number, backendPort: number, issuer: string): string {
  return JSON.stringify({
    // A caller holds a quarter of them.
    server: { host: "127.0.0.1", port, session_key: "0123456789abcdef0123456789abcdef", max_streams: 40_000 },
    auth: { mode: "oidc" },
    oidc: { issuers: [issuer], audience: "api" },
    mcp: {
      backends: [
        {
          id: "http",
          transport: "http",
          path: "/v1/http",
          strip_path: true,
          url: `http://127.0.0.1:${backendPort}/mcp`,
        },
        {
          id: "stdio",
          transport: "stdio",
          path: "/v1/stdio",
          strip_path: true,
          stdio: { command: process.execPath, args: [here("echo-stdio.ts")] },
        },
      ],
    },
  });
}

async function isReady(port: number, path: string): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}${path}`)).status === 200;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function columns(name: string, ...cells: readonly string[]): string {
  return `  ${name.padEnd(16)}${cells.map((cell) => cell.padStart(14)).join("")}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function pids(...children: readonly { readonly pid?: number | undefined }[]): number[] {
  return children.flatMap(({ pid }) => pid ?? []);
}
