/** The parsers that are ours: everything between a socket and a decision that no library reads for us. */
import type { Fuzzed } from "./fuzzed.ts";
import { answer } from "./parsers/answer.ts";
import { childLine } from "./parsers/child-line.ts";
import { gate } from "./parsers/gate.ts";
import { http } from "./parsers/http.ts";
import { jsonScan } from "./parsers/json-scan.ts";
import { lines } from "./parsers/lines.ts";
import { path } from "./parsers/path.ts";
import { sseFilter } from "./parsers/sse-filter.ts";
import { sse } from "./parsers/sse.ts";

export const parsers: readonly Fuzzed[] = [jsonScan, childLine, path, gate, sse, sseFilter, lines, http, answer];
