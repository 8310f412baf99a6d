/** Reads a request's body: whole, bounded, plain JSON or refused. */
import type { IncomingMessage } from "node:http";

import { formatBytes, mediaType, refuse, type Bytes, type HeaderMap, type Refusal } from "@smcp/core";

import type { Reply } from "./reply.ts";

/** What the headers say of a body, before a byte of it is read. */
export function judgeBody(headers: HeaderMap, limit: Bytes): Refusal | undefined {
  if (mediaType(headers.get("content-type")) !== "application/json") return refuse("BODY_TYPE");
  const encoding = headers.get("content-encoding");
  if (encoding !== undefined && encoding !== "identity") return refuse("BODY_ENCODED");
  const length = Number(headers.get("content-length") ?? 0);
  return length > limit ? refuse("BODY_TOO_LARGE", { limit: formatBytes(limit) }) : undefined;
}

/**
 * Reads a body of at most `limit` bytes.
 *
 * @returns the bytes, or `BODY_TOO_LARGE` at the byte that is one too many; `undefined` when the caller left before the end
 */
export function readBody(incoming: IncomingMessage, reply: Reply, limit: Bytes): Promise<Buffer | Refusal | undefined> {
  return new Promise((resolve) => {
    let first: Buffer | undefined;
    let rest: Buffer[] | undefined;
    let size = 0;
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) {
        incoming.off("data", onData);
        incoming.pause();
        resolve(refuse("BODY_TOO_LARGE", { limit: formatBytes(limit) }));
      } else if (!first) first = chunk;
      else (rest ??= [first]).push(chunk);
    };
    incoming.on("data", onData);
    incoming.on("end", () => resolve(rest ? Buffer.concat(rest, size) : (first ?? Buffer.alloc(0))));
    reply.onClosed(() => resolve(undefined));
    reply.invite();
  });
}
