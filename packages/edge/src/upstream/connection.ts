/**
 * One connection to an upstream, one exchange at a time: writes a request, reads its answer strictly. What is not exactly
 * one answer to one request ends the connection: it is never used for another caller's request then.
 */
import type { Socket } from "node:net";

import { Slab } from "../slab.ts";
import { BodyReader } from "./body-reader.ts";
import type { Connect, ConnectListener } from "./connect.ts";
import { HeadGatherer } from "./head-gatherer.ts";
import { BadAnswer, readHead, type ResponseHead, type UpstreamHeaders } from "./response-head.ts";

/**
 * Where an answer goes; by it an exchange is known on its connection. `onEnd` or `onFailed` is the last call; none comes after
 * {@link Connection.abort}.
 */
export interface Receiver {
  /** Status from 200 on. */
  onHead(status: number, headers: UpstreamHeaders): void;
  /** A piece of the body, the receiver's own. */
  onData(piece: Buffer): void;
  onEnd(): void;
  onFailed(error: Error): void;
}

/** What a connection tells whoever keeps it. */
export interface Keeper {
  /** It is free for the next request. */
  onIdle(connection: Connection): void;
  /** It is gone. */
  onGone(connection: Connection): void;
}

/** What most heads fit into. */
const USUAL_HEAD = 1_024;
/** Requests up to this size leave as one piece. */
const SMALL_REQUEST = 16 * 1_024;

const slab = new Slab();

export class Connection implements ConnectListener {
  /** On the clock of the keeper: until when it may be used again. */
  usableUntil = 0;
  /** What the other end said of that, in seconds. */
  keptFor: number | undefined;

  readonly #keeper: Keeper;
  readonly #socket: Socket;
  readonly #body = new BodyReader();
  readonly #emit = (piece: Buffer): void => this.#receiver?.onData(piece);
  #receiver: Receiver | undefined;
  #waiting: { readonly head: string; readonly body: Uint8Array | null } | undefined;
  #isOpen = false;
  #isPaused = false;
  #isGone = false;
  #head: ResponseHead | undefined;
  /** Present while a head is not whole yet. */
  #gatherer: HeadGatherer | undefined;

  constructor(connect: Connect, keeper: Keeper) {
    this.#keeper = keeper;
    this.#socket = connect(this);
    this.#socket.on("end", () => this.#ended());
    this.#socket.on("error", (error) => this.close(error));
    this.#socket.on("close", () => this.close(new Error("the connection was closed before the answer was whole")));
  }

  /** False once it cannot carry a request any more. */
  get isUsable(): boolean {
    return !this.#isGone && this.#socket.writable;
  }

  /** Sends a request; nothing else may be under way. The receiver hears of it later, never during this call. */
  send(head: string, body: Uint8Array | null, receiver: Receiver): void {
    this.#receiver = receiver;
    if (this.#isOpen) this.#write(head, body);
    else this.#waiting = { head, body };
  }

  /** Holds the answer of an exchange back. */
  pause(receiver: Receiver): void {
    if (receiver !== this.#receiver) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(receiver: Receiver): void {
    if (receiver === this.#receiver) this.#flow();
  }

  /** Breaks an exchange off: its receiver hears nothing more. An exchange that is over is not affected. */
  abort(receiver: Receiver): void {
    if (receiver !== this.#receiver) return;
    this.#receiver = undefined;
    this.close();
  }

  /** Ends it. An exchange under way hears `error`. */
  close(error = new Error("the connection was closed")): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#socket.destroy();
    this.#keeper.onGone(this);
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.onFailed(error);
  }

  onOpen(): void {
    this.#isOpen = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) this.#write(waiting.head, waiting.body);
  }

  onBytes(bytes: Buffer, isLent: boolean): void {
    try {
      let at = 0;
      while (at < bytes.length) {
        if (!this.#receiver) throw new BadAnswer("it sent what nobody asked for");
        at = this.#head ? this.#body.read(bytes, at, isLent, this.#emit) : this.#readHead(bytes, at);
        if (this.#head && this.#body.isDone) this.#finish(at === bytes.length);
      }
    } catch (error) {
      this.close(error as Error);
    }
  }

  #flow(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  #write(head: string, body: Uint8Array | null): void {
    const socket = this.#socket;
    if (!body || body.length === 0) socket.write(head, "latin1");
    else if (head.length + body.length <= SMALL_REQUEST) {
      slab.begin(head.length + body.length);
      slab.addText(head);
      slab.addAll(body);
      socket.write(slab.cut());
    } else {
      socket.cork();
      socket.write(head, "latin1");
      socket.write(body);
      socket.uncork();
    }
  }

  /** Returns where the head ends, or the end of the bytes where it does not yet. */
  #readHead(bytes: Buffer, from: number): number {
    if (!this.#gatherer) {
      // Nearly always it is there whole.
      const text = bytes.toString("latin1", from, from + USUAL_HEAD);
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.#begin(readHead(text.slice(0, end + 2)));
        return from + end + 4;
      }
      this.#gatherer = new HeadGatherer();
    }
    const gatherer = this.#gatherer;
    const used = gatherer.add(from === 0 ? bytes : bytes.subarray(from));
    if (used === undefined) return bytes.length;
    this.#gatherer = undefined;
    this.#begin(readHead(gatherer.text));
    return from + used;
  }

  #begin(head: ResponseHead): void {
    if (head.status <= 101) throw new BadAnswer(`it answered ${head.status}, which nobody asked for`);
    // Hints in front of the answer; how long it may take is the receiver's to bound.
    if (head.status < 200) return;
    this.#head = head;
    this.#body.begin(head.framing);
    this.#receiver?.onHead(head.status, head.headers);
  }

  /** The answer is whole. */
  #finish(isClean: boolean): void {
    const receiver = this.#receiver;
    const head = this.#head;
    this.#receiver = undefined;
    this.#head = undefined;
    this.keptFor = head?.keptFor;
    // A request that is still being written would run into the next one.
    const isKept = isClean && head?.isKept === true && this.isUsable && this.#socket.writableLength === 0;
    if (isKept) {
      this.#flow();
      this.#keeper.onIdle(this);
    } else this.close();
    receiver?.onEnd();
  }

  /** The other end closed its side. */
  #ended(): void {
    if (this.#head && this.#body.endsWithConnection) this.#finish(false);
    else this.close(new Error("the other end closed the connection before the answer was whole"));
  }
}
