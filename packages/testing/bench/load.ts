/**
 * A closed-loop load generator on bare sockets: each connection sends its next request when it has the answer to the last.
 * Reads its job from the first argument, prints its figures as one line of JSON.
 */
import { spawn } from "node:child_process";
import { connect } from "node:net";

/** What to do. */
export interface Job {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tool: string;
  readonly connections: number;
  readonly warmMs: number;
  readonly runMs: number;
  /** Instead of a port: talk to this program's pipes. */
  readonly program?: readonly string[];
}

/** What came of it. Latencies in microseconds. */
export interface Figures {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
}

const job = JSON.parse(process.argv[2] ?? "{}") as Job;
const latencies: number[] = [];
let errors = 0;
let isMeasuring = false;
let isOver = false;

const body = (id: number): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${job.tool}","arguments":{"text":"${"x".repeat(60)}"}}}`;

function finished(began: number, isGood: boolean): void {
  if (!isMeasuring) return;
  if (isGood) latencies.push(performance.now() - began);
  else errors++;
}

function overHttp(id: number): void {
  const text = body(id);
  const lines = Object.entries(job.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const lead = `POST ${job.path} HTTP/1.1\r\nhost: 127.0.0.1:${job.port}\r\n${lines.join("")}`;
  const message = Buffer.from(`${lead}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  const mark = `"id":${id},`;
  const socket = connect({ port: job.port, host: "127.0.0.1", noDelay: true });
  let began = 0;
  let left = -1;
  let isGood = false;
  let head = "";
  let tail = "";
  const next = (): void => {
    if (isOver) return void socket.destroy();
    began = performance.now();
    left = -1;
    isGood = false;
    head = "";
    tail = "";
    socket.write(message);
  };
  socket.on("connect", next);
  socket.on("error", () => errors++);
  socket.on("data", (chunk: Buffer) => {
    let part = chunk;
    if (left === -1) {
      const end = chunk.indexOf("\r\n\r\n");
      const headers = chunk.toString("latin1", 0, end).toLowerCase();
      const at = headers.indexOf("content-length:");
      left = at < 0 ? -2 : Number.parseInt(headers.slice(at + 15), 10);
      isGood = headers.startsWith("http/1.1 200");
      part = chunk.subarray(end + 4);
      head = part.toString("latin1", 0, 60);
    }
    tail = (tail + part.toString("latin1", Math.max(0, part.length - 80))).slice(-80);
    if (left >= 0) {
      left -= part.length;
      if (left > 0) return;
    } else if (!tail.endsWith("0\r\n\r\n")) return;
    // A short answer begins with its id, a stream of events ends with it.
    if (!head.includes(mark) && !tail.includes(mark)) isGood = false;
    finished(began, isGood);
    next();
  });
}

function overPipes([command = "", ...args]: readonly string[]): void {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const began = new Map<string, number>();
  let rest = "";
  let out = "";
  const next = (id: number): void => {
    if (isOver) return void child.kill();
    began.set(String(id), performance.now());
    if (out === "") {
      setImmediate(() => {
        child.stdin.write(out);
        out = "";
      });
    }
    out += `${body(id)}\n`;
  };
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const id = /"id":(\d+)/.exec(line)?.[1] ?? "";
      finished(began.get(id) ?? 0, began.has(id));
      next(Number(id));
    }
  });
  for (let i = 1; i <= job.connections; i++) next(i);
}

if (job.program) overPipes(job.program);
else for (let i = 1; i <= job.connections; i++) overHttp(i);

process.on("message", (what) => {
  if (what === "measure") isMeasuring = true;
  else report();
});

function report(): void {
  isMeasuring = false;
  isOver = true;
  const sorted = Float64Array.from(latencies).toSorted();
  const at = (share: number): number => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 1_000);
  const figures: Figures = { requests: sorted.length, errors, seconds: 0, p50: at(0.5), p99: at(0.99) };
  process.send?.(figures, () => process.exit(0));
}
