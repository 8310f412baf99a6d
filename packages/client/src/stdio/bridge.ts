/**
 * MCP on stdin and stdout for an app that can only start a command: every line goes to one path of the server as Streamable
 * HTTP wants it, every message that comes back is a line. It ends when the input ends.
 */
import { randomUUID } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";

import {
  Failure,
  formatBytes,
  isRefusal,
  LineSplitter,
  parseTarget,
  readMessage,
  refuse,
  toWire,
  type Bytes,
  type Duration,
  type Message,
  type Refusal,
} from "@smcp/core";

import { deliver } from "../deliver.ts";
import { pathAt, type Gateway } from "../gateway.ts";
import type { Client } from "../client.ts";
import { LIST_CHANGED } from "../local/greeting.ts";
import { introductionIn, type App } from "../status/apps.ts";
import { Output } from "./output.ts";
import { Post, type PostParts } from "./post.ts";
import { receive } from "./receive.ts";
import { Session } from "./session.ts";
import { SignedOut } from "./signed-out.ts";
import { Standing } from "./standing.ts";

export interface BridgeOptions {
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** The path of the server to speak to, below the server URL. */
  readonly path: string;
  readonly maxBody: Bytes;
  /** How long what is under way may go on after the input ended. */
  readonly grace: Duration;
  /** False where nobody will ever sign in. */
  readonly isSignInPossible: boolean;
}

/** Messages under way at once; an app that sends more is read no further. */
const MAX_UNDER_WAY = 256;
/** A line may be longer than a body, so that its refusal can name the message. */
const LINE_FACTOR = 4;
const GOODBYE_TIME: Duration = 2_000;

/**
 * Starts to speak.
 *
 * @throws {Failure} for a path that is none
 */
export function startBridge(gateway: Gateway, options: BridgeOptions): Client {
  const target = parseTarget(options.path);
  if (!target) throw new Failure(`"${options.path}" is not a path of the server`, "give one as in --stdio /v1/docs", 2);
  const path = pathAt(gateway, target);
  const bridge = new Bridge(gateway, options, path);
  return { url: gateway.origin + path, done: bridge.run(), close: () => bridge.close() };
}

class Bridge {
  readonly #options: BridgeOptions;
  readonly #parts: PostParts;
  readonly #session = new Session();
  readonly #standing: Standing;
  readonly #underWay = new Set<Post>();
  readonly #closing = Promise.withResolvers<void>();
  #app: App | undefined;
  #isIntroduced = false;
  #isStanding = false;
  #isBroken = false;
  #done: Promise<void> | undefined;

  constructor(gateway: Gateway, options: BridgeOptions, path: string) {
    this.#options = options;
    const output = new Output(options.stdout, () => this.#break());
    const signedOut = options.isSignInPossible ? this.#openSignedOut(gateway, output) : undefined;
    this.#parts = { gateway, path, session: this.#session, output, signedOut };
    this.#standing = new Standing(this.#parts);
  }

  run(): Promise<void> {
    return (this.#done ??= this.#run());
  }

  close(): Promise<void> {
    this.#closing.resolve();
    this.#options.stdin.destroy();
    return this.run();
  }

  async #run(): Promise<void> {
    const { gateway } = this.#parts;
    try {
      await this.#read();
    } catch (error) {
      // A closed input ends like one that ended.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ERR_STREAM_PREMATURE_CLOSE") gateway.log.error({ code }, "cannot read the input any more");
    }
    // Subscriptions have no end of their own: nothing is lost with them.
    for (const post of this.#underWay) if (post.message.method === "subscriptions/listen") post.abort();
    const finished = Promise.all([...this.#underWay].map((post) => post.settled));
    await Promise.race([finished, wait(this.#isBroken ? 0 : this.#options.grace, undefined, { ref: false })]);
    for (const post of this.#underWay) post.abort();
    this.#standing.stop();
    this.#parts.signedOut?.stop();
    if (this.#session.isOpen) await this.#sayGoodbye();
    gateway.pool.destroy();
  }

  async #read(): Promise<void> {
    let lines: Uint8Array[] = [];
    const splitter = new LineSplitter(this.#options.maxBody * LINE_FACTOR, (line) => lines.push(line));
    for await (const chunk of this.#options.stdin as AsyncIterable<Buffer | string>) {
      lines = [];
      const isWithin = splitter.push(Buffer.from(chunk as Buffer));
      for (const line of lines) await this.#take(line);
      if (!isWithin) this.#refuse(this.#tooLarge());
    }
  }

  /** Takes one line; fulfilled when the next one may be taken. */
  async #take(line: Uint8Array): Promise<void> {
    const message = readMessage(line);
    if (isRefusal(message)) {
      this.#refuse(message);
      return;
    }
    if (this.#cancels(message)) return;
    this.#count(message, line);
    const post = new Post(message, this.#parts);
    if (line.length > this.#options.maxBody) {
      post.fail(this.#tooLarge());
      return;
    }
    this.#underWay.add(post);
    void post.settled.then(() => this.#underWay.delete(post));
    await Promise.race([this.#turn(post), this.#closing.promise]);
  }

  /** Counts a message, for `smcp status`. */
  #count(message: Message, line: Uint8Array): void {
    const { apps } = this.#parts.gateway.board;
    this.#app ??= apps.byAgent("stdio");
    if (!this.#isIntroduced && (message.method === "initialize" || message.version !== undefined)) {
      this.#isIntroduced = true;
      const introduction = introductionIn(line);
      if (introduction) this.#app = apps.introduce(this.#app, introduction);
    }
    this.#parts.gateway.board.used(this.#app);
  }

  /** Waits where order matters: nothing overtakes the handshake, and nobody sends without end. */
  async #turn(post: Post): Promise<void> {
    await post.send();
    const { method, kind } = post.message;
    if (method === "initialize") await post.settled;
    if (method === "notifications/initialized" && kind === "notification") {
      const accepted = await post.settled;
      const isHere = this.#parts.signedOut?.isActive;
      if (accepted && !isHere && this.#session.eraOf(post.message) === "legacy") this.#stand();
    }
    while (this.#underWay.size >= MAX_UNDER_WAY) await Promise.race([...this.#underWay].map((one) => one.settled));
    await this.#parts.output.drained();
  }

  #stand(): void {
    if (this.#isStanding) return;
    this.#isStanding = true;
    void this.#standing.run();
  }

  /** The app's session where it began while nobody was signed in. */
  #openSignedOut(gateway: Gateway, output: Output): SignedOut {
    return new SignedOut(gateway, {
      live: ({ headers, text }, isInitialized) => {
        this.#session.begin(headers);
        this.#session.agree(text);
        output.write(LIST_CHANGED);
        if (isInitialized) this.#stand();
      },
      over: () => undefined,
    });
  }

  /** In the modern era a request is cancelled by closing its answer; the notification itself goes nowhere. */
  #cancels(message: Message): boolean {
    if (message.method !== "notifications/cancelled" || message.cancels === undefined) return false;
    for (const post of this.#underWay) {
      if (post.message.id !== message.cancels || this.#session.eraOf(post.message) !== "modern") continue;
      post.abort();
      return true;
    }
    return false;
  }

  #tooLarge(): Refusal {
    return refuse("BODY_TOO_LARGE", { limit: formatBytes(this.#options.maxBody) });
  }

  /** Answers a line that no message could be read from. */
  #refuse(refusal: Refusal): void {
    const { refused, reason } = refusal;
    this.#parts.gateway.log.warn({ code: refused, reason }, "a line of the app was refused");
    this.#parts.output.write(toWire(refusal, randomUUID(), undefined).body);
  }

  /** Nobody reads any more: there is nothing left to do. */
  #break(): void {
    this.#isBroken = true;
    this.#closing.resolve();
    this.#parts.output.giveUp();
    this.#options.stdin.destroy();
  }

  /** Ends the session at the server, so that it does not wait for us. Never rejects. */
  async #sayGoodbye(): Promise<void> {
    const { gateway, path } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    void deliver(gateway, {
      requestId: randomUUID(),
      request: { method: "DELETE", path, headers: this.#session.otherHeaders("application/json"), body: null },
      send: (request, plan) => {
        receive(gateway.pool, request, plan, {
          head: () => resolve(),
          data: () => undefined,
          end: () => resolve(),
          broken: () => resolve(),
        });
      },
      fail: () => resolve(),
      isGone: () => false,
    });
    await Promise.race([promise, wait(GOODBYE_TIME, undefined, { ref: false })]);
  }
}
