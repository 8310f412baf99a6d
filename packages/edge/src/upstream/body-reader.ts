/**
 * Reads the body of one answer out of the bytes of a connection: by length, by chunks, or up to the end of the connection.
 * What came in one read goes on as one piece, however many chunks it was sent in. Knows no sockets.
 */
import { Slab } from "../slab.ts";
import { BadAnswer, type Framing } from "./response-head.ts";

/** Where the reader of a chunked body stands. */
const State = {
  /** At the first digit of a chunk's size. */
  Size: 0,
  /** At a further digit, or what ends the size. */
  Digits: 1,
  /** In an extension, which says nothing to us. */
  Extension: 2,
  /** At the LF behind a size. */
  SizeEnd: 3,
  Data: 4,
  /** At the CR behind a chunk's data. */
  DataEnd: 5,
  DataEndFeed: 6,
  /** At the first byte of a trailer's line, or of the empty line that ends the body. */
  Trailer: 7,
  TrailerLine: 8,
  TrailerFeed: 9,
  /** At the LF of the empty line. */
  Last: 10,
} as const;

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
/** Digits of a chunk's size: up to 16 TiB. */
const MAX_DIGITS = 11;
/** Bytes of extensions and trailers in all: nobody needs them. */
const MAX_IGNORED = 16 * 1_024;
/** Pieces up to this size are cut from a shared block. */
const SMALL = 32 * 1_024;

const slab = new Slab();

/** Takes a piece of the body; it is the taker's own. */
type Emit = (piece: Buffer) => void;

export class BodyReader {
  #framing: Framing = 0;
  /** Bytes left of the body, or of the chunk. */
  #left = 0;
  #state: number = State.Size;
  #digits = 0;
  #ignored = 0;
  #isDone = true;

  /** True when the whole body was read. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** True when the end of the connection is the end of the body. */
  get endsWithConnection(): boolean {
    return this.#framing === "close" && !this.#isDone;
  }

  begin(framing: Framing): void {
    this.#framing = framing;
    this.#isDone = framing === 0;
    this.#left = typeof framing === "number" ? framing : 0;
    this.#state = State.Size;
    this.#ignored = 0;
  }

  /**
   * Reads on.
   *
   * @param isLent the bytes are overwritten after this call: what goes on is copied
   * @returns where it stopped: at `end`, or behind the body's last byte
   * @throws {BadAnswer} when the framing is broken
   */
  read(bytes: Buffer, at: number, isLent: boolean, emit: Emit): number {
    if (this.#isDone || at === bytes.length) return at;
    if (this.#framing === "chunked") return this.#chunks(bytes, at, emit);
    const end = this.#framing === "close" ? bytes.length : Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    if (this.#framing !== "close" && this.#left === 0) this.#isDone = true;
    emit(isLent ? own(bytes, at, end) : bytes.subarray(at, end));
    return end;
  }

  #chunks(bytes: Buffer, from: number, emit: Emit): number {
    const out = bytes.length - from <= SMALL ? slab : new Slab(bytes.length - from);
    out.begin(bytes.length - from);
    let at = from;
    try {
      while (at < bytes.length && !this.#isDone) {
        if (this.#state === State.Data) {
          const end = Math.min(bytes.length, at + this.#left);
          out.add(bytes, at, end);
          this.#left -= end - at;
          at = end;
          if (this.#left === 0) this.#state = State.DataEnd;
        } else this.#step(bytes[at++] as number);
      }
    } finally {
      // What came before a break is passed on all the same.
      const piece = out.cut();
      if (piece.length > 0) emit(piece);
    }
    return at;
  }

  /** Takes one byte of what is no data. */
  #step(byte: number): void {
    switch (this.#state) {
      case State.Size:
        this.#left = digitOf(byte);
        if (this.#left < 0) throw broken();
        this.#digits = 1;
        this.#state = State.Digits;
        return;
      case State.Digits:
        this.#digit(byte);
        return;
      case State.Extension:
        if (byte === CR) this.#state = State.SizeEnd;
        else this.#ignore(byte);
        return;
      case State.SizeEnd:
        this.#expect(byte, LF, this.#left === 0 ? State.Trailer : State.Data);
        return;
      case State.DataEnd:
        this.#expect(byte, CR, State.DataEndFeed);
        return;
      case State.DataEndFeed:
        this.#expect(byte, LF, State.Size);
        return;
      default:
        this.#trailer(byte);
    }
  }

  #digit(byte: number): void {
    const digit = digitOf(byte);
    if (digit >= 0) {
      if (++this.#digits > MAX_DIGITS) throw broken();
      this.#left = this.#left * 16 + digit;
    } else if (byte === CR) this.#state = State.SizeEnd;
    else if (byte === SEMICOLON) this.#state = State.Extension;
    else throw broken();
  }

  #trailer(byte: number): void {
    switch (this.#state) {
      case State.Trailer:
        if (byte === CR) this.#state = State.Last;
        else {
          this.#ignore(byte);
          this.#state = State.TrailerLine;
        }
        return;
      case State.TrailerLine:
        if (byte === CR) this.#state = State.TrailerFeed;
        else this.#ignore(byte);
        return;
      case State.TrailerFeed:
        this.#expect(byte, LF, State.Trailer);
        return;
      default:
        this.#expect(byte, LF, State.Size);
        this.#isDone = true;
    }
  }

  #expect(byte: number, wanted: number, next: number): void {
    if (byte !== wanted) throw broken();
    this.#state = next;
  }

  #ignore(byte: number): void {
    if (byte === LF || ++this.#ignored > MAX_IGNORED) throw broken();
  }
}

function own(bytes: Buffer, at: number, end: number): Buffer {
  if (end - at > SMALL) {
    const copy = Buffer.allocUnsafeSlow(end - at);
    bytes.copy(copy, 0, at, end);
    return copy;
  }
  slab.begin(end - at);
  slab.add(bytes, at, end);
  return slab.cut();
}

function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function broken(): BadAnswer {
  return new BadAnswer("its body's chunks are malformed");
}
