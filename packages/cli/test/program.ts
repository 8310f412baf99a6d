/** The program as a user runs it: node_modules/.bin/smcp in a folder of its own, with an environment of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../../../node_modules/.bin/", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A scratch folder in which the program runs. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "smcp-cli-"));
  readonly #running = new Set<Program>();

  write(name: string, text: string): string {
    const file = join(this.path, name);
    writeFileSync(file, text);
    return file;
  }

  /** Starts the program; the test ends it, at the latest by disposing the folder. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}, bin = "smcp"): Program {
    const own = { PATH: process.env["PATH"], HOME: this.path, XDG_CONFIG_HOME: join(this.path, "xdg"), ...env };
    const child = spawn(join(BIN, bin), args, { cwd: this.path, env: own, stdio: "pipe" });
    const program = new Program(child);
    this.#running.add(program);
    return program;
  }

  /** Runs the program to its end. */
  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}, bin = "smcp"): Promise<Ended> {
    const program = this.start(args, env, bin);
    program.child.stdin?.end();
    return program.ended;
  }

  [Symbol.dispose](): void {
    for (const { child } of this.#running) child.kill("SIGKILL");
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A program that runs. */
export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #stdout = "";
  #stderr = "";

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    const { promise, resolve } = Promise.withResolvers<Ended>();
    child.once("close", (code, signal) => resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr }));
    this.ended = promise;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Waits until standard error has what the pattern wants; rejects when the program ends before. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const look = (): void => {
      const found = pattern.exec(this.#stderr);
      if (found) resolve(found);
    };
    this.child.stderr?.on("data", look);
    void this.ended.then(() => reject(new Error(`ended without saying ${String(pattern)}:\n${this.#stderr}`)));
    look();
    return promise.finally(() => this.child.stderr?.off("data", look));
  }
}
