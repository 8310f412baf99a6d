/**
 * Puts one id in the place of another, by position: nothing else of a message changes, no byte of it is written anew.
 */
import type { Message } from "@smcp/core";

import type { Span } from "./line.ts";

/** Longer pieces are sent as they are, shorter ones are copied into one. */
const LARGE = 16 * 1_024;

/** A request as a child gets it: under an id of ours, which is its progress token too, where it asks for progress. */
export function withOwnId(message: Message, own: number): string {
  const { text, id = "", idAt, progressToken, progressTokenAt: tokenAt } = message;
  if (progressToken === undefined || !isToken(progressToken)) {
    return `${text.slice(0, idAt)}${own}${text.slice(idAt + id.length)}`;
  }
  const idEnd = idAt + id.length;
  const tokenEnd = tokenAt + progressToken.length;
  return idAt < tokenAt
    ? `${text.slice(0, idAt)}${own}${text.slice(idEnd, tokenAt)}${own}${text.slice(tokenEnd)}`
    : `${text.slice(0, tokenAt)}${own}${text.slice(tokenEnd, idAt)}${own}${text.slice(idEnd)}`;
}

/** True for a token that a server may repeat. */
export function isToken(raw: string): boolean {
  return /^["\d-]/.test(raw);
}

/**
 * A child's line with other text in some places.
 *
 * @param places in the order in which they stand
 * @param text JSON text
 */
export function replaced(bytes: Buffer, places: readonly Span[], text: string): Uint8Array[] {
  const inserted = Buffer.from(text);
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const { start, end } of places) {
    pieces.push(bytes.subarray(at, start), inserted);
    at = end;
  }
  pieces.push(bytes.subarray(at));
  return bytes.length < LARGE ? [Buffer.concat(pieces)] : pieces;
}
