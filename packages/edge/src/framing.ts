/**
 * What Node's parser lets through although another reader would see another message in the same bytes. Judged before anything
 * else is, in the turn that the request came in: what stands behind it may be read already.
 */
import type { IncomingMessage } from "node:http";

import { refuse, type Refusal } from "@smcp/core";

const CODING = "transfer-encoding";

/** Refuses, with `REQUEST_MALFORMED`, a version that is not HTTP/1 and a coding that is not simply `chunked`. */
export function judgeFraming({ httpVersionMajor, httpVersionMinor, rawHeaders }: IncomingMessage): Refusal | undefined {
  // 0.9 and 2.0 pass the parser.
  if (httpVersionMajor !== 1) return refuse("REQUEST_MALFORMED");
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length !== CODING.length || name.toLowerCase() !== CODING) continue;
    // Any list that ends in `chunked` passes too, twice the header, and both in HTTP/1.0, which knows no chunks.
    const isPlain = httpVersionMinor === 1 && (rawHeaders[i + 1] as string).toLowerCase() === "chunked";
    if (!isPlain) return refuse("REQUEST_MALFORMED");
  }
  return undefined;
}
