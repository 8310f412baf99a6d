/**
 * `smcp demo`: the whole pair on one machine with an identity provider and real MCP servers, a tour through it, and
 * nothing left behind. The pair is the same program that runs elsewhere, as processes of its own.
 */
import { rmSync } from "node:fs";
import { Failure, type Log } from "@smcp/core";
import { safeEnvironment } from "@smcp/edge";
import { directions } from "./directions.ts";
import { startIssuer, type Issuer } from "./issuer.ts";
import { freePort, isPortTaken } from "./port.ts";
import { startProgram, type Program } from "./program.ts";
import { listenOnLoopback, referenceServerFile } from "./reference-server.ts";
import { makeScratch, writeServerFile, type Scratch } from "./server-file.ts";
import { showSteps, type Output, type Steps } from "./steps.ts";
import { onStopSignals } from "./stop-signals.ts";
import { tour } from "./tour.ts";

/** How the demo is to run. */
export interface DemoOptions {
  /** End after the tour. */
  readonly once: boolean;
  /** Where the client listens. Default 8081; 0: any free port. */
  readonly port?: number;
  /** The command line that runs `smcp` itself: the program and its first arguments, absolute paths. */
  readonly smcp: readonly [command: string, ...args: string[]];
  /** Our own environment. Of it children see only the safe list. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Gets what the programs write, at `debug`. */
  readonly log: Log;
  readonly output: Output;
}

/** What has been started so far; its end is the stack's. */
interface Demo {
  readonly options: DemoOptions;
  readonly steps: Steps;
  readonly stack: AsyncDisposableStack;
  readonly signal: AbortSignal;
  readonly scratch: Scratch;
  /** Those that must go on running. */
  readonly programs: Program[];
}

const CLIENT_PORT = 8081;

/**
 * Runs the demo until a signal ends it, or to the end of the tour.
 *
 * @returns the exit code: 0, or 1 when it was stopped before the tour was over
 * @throws Failure naming what did not work; everything is stopped by then
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const stop = new AbortController();
  const steps = showSteps(options.output, options.env, stop.signal);
  const port = await choosePort(options.port ?? CLIENT_PORT);
  const ask = (): void => stop.abort(new Stopped());
  // Children that are left are killed at exit by the supervisor; the folder is ours.
  const force = (): void => {
    if (scratch) rmSync(scratch.folder, { recursive: true, force: true });
    process.exit(1);
  };
  let scratch: Scratch | undefined;
  // Before the stack: signals must be held until all of it is down.
  using _ = onStopSignals(ask, force);
  await using stack = new AsyncDisposableStack();
  scratch = stack.use(await makeScratch());
  // A closed terminal or pipe: nobody looks on any more, and the end still has to be clean.
  options.output.on("error", ask);
  const demo: Demo = { options, steps, stack, signal: stop.signal, scratch, programs: [] };
  try {
    await startAndTour(demo, port);
    if (!options.once) await stay(demo);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 1;
    quote(demo);
    throw error;
  }
}

/** A person or the system asked for the end: no failure of anything. */
class Stopped extends Error {
  override readonly name = "Stopped";
}

async function startAndTour(demo: Demo, port: number): Promise<void> {
  const { steps, stack, signal } = demo;
  const issuer = await steps.run("identity provider", async () => {
    const started = stack.use(await startIssuer({ clientId: "smcp-demo" }));
    return [started.url, started];
  });
  const upstream = await steps.run("MCP server over HTTP", async () => {
    const url = await startUpstream(demo);
    return [url, url];
  });
  const server = await steps.run("smcp server", async () => {
    const url = await startServer(demo, issuer, upstream);
    return [url, url];
  });
  const app = `http://localhost:${port}`;
  await steps.run("smcp client", async () => {
    await startClient(demo, issuer, server, port);
    return [`${app}, signs in as ${issuer.clientId}`, undefined];
  });
  await tour(app, demo.scratch, steps, signal);
  const lines = demo.options.once
    ? ["", "The tour is done and everything is stopped again; without --once it goes on running."]
    : directions({ app, server, issuer: issuer.url, upstream });
  for (const line of lines) steps.say(line);
}

async function startUpstream(demo: Demo): Promise<string> {
  const port = await freePort();
  const program = await start(demo, "the MCP server over HTTP", {
    command: process.execPath,
    args: [...listenOnLoopback, referenceServerFile("everything"), "streamableHttp"],
    env: { PORT: String(port) },
  });
  const url = `http://127.0.0.1:${port}/mcp`;
  await program.answers(url, demo.signal);
  return url;
}

async function startServer(demo: Demo, issuer: Issuer, upstream: string): Promise<string> {
  const port = await freePort();
  const file = await writeServerFile({ port, issuer: issuer.url, upstream, scratch: demo.scratch });
  const program = await startSmcp(demo, "smcp server", ["server", "--config", file], {});
  const url = `http://127.0.0.1:${port}`;
  await program.answers(`${url}/health`, demo.signal, 200);
  return url;
}

async function startClient(demo: Demo, issuer: Issuer, server: string, port: number): Promise<void> {
  const args = ["client", "--server-url", server, "--port", String(port), "--shutdown-timeout", "2s"];
  const program = await startSmcp(
    demo,
    "smcp client",
    [...args, "--oidc-issuer", issuer.url, "--oidc-client-id", issuer.clientId, "--oidc-flow", "client-credentials"],
    // Not an argument: those are seen by everybody on the machine.
    { SMCP_CLIENT_OIDC_CLIENT_SECRET: issuer.clientSecret },
  );
  await program.answers(`http://127.0.0.1:${port}/health`, demo.signal, 200);
}

async function startSmcp(
  demo: Demo,
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Program> {
  const [command, ...first] = demo.options.smcp;
  // A person's own configuration is none of the demo's business.
  return start(demo, name, {
    command,
    args: [...first, ...args],
    env: { ...env, XDG_CONFIG_HOME: demo.scratch.folder },
  });
}

async function start(
  demo: Demo,
  name: string,
  what: { readonly command: string; readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> },
): Promise<Program> {
  const env = { ...safeEnvironment(demo.options.env), ...what.env };
  const program = await startProgram(name, { ...what, env, cwd: demo.scratch.folder }, demo.options.log);
  demo.stack.use(program);
  demo.programs.push(program);
  return program;
}

/** Waits for a signal; a program that ends before is a failure. */
async function stay(demo: Demo): Promise<void> {
  const { signal, steps, programs } = demo;
  steps.say("Ctrl-C stops everything and removes what the demo wrote.");
  const ended = programs.map(async (program) => {
    await program.exited;
    return program.name;
  });
  const asked = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  const name = await Promise.race([...ended, asked]);
  if (name !== undefined) throw new Failure(`${name} ended by itself`, "its last lines above say why");
}

/** The last lines of every program: the reason of a failure is in one of them. */
function quote(demo: Demo): void {
  for (const program of demo.programs) {
    const lines = program.lastWords();
    if (lines.length > 0) demo.steps.say(`\nlast lines of ${program.name}:`);
    for (const line of lines) demo.steps.say(`  ${line}`);
  }
}

async function choosePort(wanted: number): Promise<number> {
  if (wanted === 0) return freePort();
  if (await isPortTaken(wanted)) {
    throw new Failure(
      `the port ${wanted} on 127.0.0.1 is taken`,
      "stop the program that listens there, or choose another port: smcp demo --port 0",
    );
  }
  return wanted;
}
