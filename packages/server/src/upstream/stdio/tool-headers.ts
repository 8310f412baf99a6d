/**
 * Which `Mcp-Param-*` headers the tools of one child want, learnt by listing them once one is called. A child has no
 * headers, so that nobody else would compare them with the body.
 */
import {
  judgeParamHeaders,
  paramHeadersOf,
  type HeaderMap,
  type Message,
  type ParamHeader,
  type Refusal,
} from "@smcp/core";

import type { ChildLine } from "./line.ts";
import type { StdioTuning } from "./tuning.ts";

/** Asks the child something; `undefined` when it did not answer. */
export type Ask = (method: string, params: object) => Promise<ChildLine | undefined>;

const MAX_PAGES = 100;

export class ToolHeaders {
  readonly #tuning: StdioTuning;
  readonly #ask: Ask;
  /** By tool; those that want none are left out. */
  #wanted: ReadonlyMap<string, readonly ParamHeader[]> = new Map();
  #listedAt = Number.NEGATIVE_INFINITY;
  #listing: Promise<void> | undefined;

  constructor(tuning: StdioTuning, ask: Ask) {
    this.#tuning = tuning;
    this.#ask = ask;
  }

  /** Refuses a call whose headers and arguments disagree, with HEADER_MISMATCH. Waits only where it must ask first. */
  judge(call: Message, headers: HeaderMap): Refusal | undefined | Promise<Refusal | undefined> {
    const again = (): Promise<Refusal | undefined> => this.#list().then(() => this.#compare(call, headers));
    if (this.#listedAt === Number.NEGATIVE_INFINITY) return again();
    const age = this.#tuning.clock.elapsed() - this.#listedAt;
    if (age > this.#tuning.toolsTtl) void this.#list();
    const refusal = this.#compare(call, headers);
    // The tool may have changed, and nobody says so to us.
    return refusal && age > this.#tuning.toolsDoubt ? again() : refusal;
  }

  #compare(call: Message, headers: HeaderMap): Refusal | undefined {
    if (this.#wanted.size === 0) return undefined;
    const wanted = this.#wanted.get(call.name ?? "");
    if (!wanted) return undefined;
    const { params } = JSON.parse(call.text) as { readonly params?: { readonly arguments?: unknown } };
    return judgeParamHeaders(wanted, params?.arguments, headers);
  }

  #list(): Promise<void> {
    this.#listing ??= this.#read().finally(() => {
      // Where it failed, what was known before stays, and the next try is not the next call's.
      this.#listedAt = this.#tuning.clock.elapsed();
      this.#listing = undefined;
    });
    return this.#listing;
  }

  async #read(): Promise<void> {
    const wanted = new Map<string, readonly ParamHeader[]>();
    let cursor: unknown;
    for (let page = 0; page < MAX_PAGES; page++) {
      const line = await this.#ask("tools/list", cursor === undefined ? {} : { cursor });
      const listed = line && toolsOf(line);
      if (!listed) return;
      for (const { name, inputSchema } of listed.tools) {
        const headers = paramHeadersOf(inputSchema);
        if (typeof name === "string" && headers.length > 0) wanted.set(name, headers);
      }
      cursor = listed.nextCursor;
      if (typeof cursor !== "string") break;
    }
    this.#wanted = wanted;
  }
}

interface Listed {
  readonly tools: readonly { readonly name?: unknown; readonly inputSchema?: unknown }[];
  readonly nextCursor?: unknown;
}

function toolsOf({ bytes }: ChildLine): Listed | undefined {
  try {
    const { result } = JSON.parse(bytes.toString()) as { readonly result?: Partial<Listed> | null };
    if (!Array.isArray(result?.tools)) return undefined;
    const tools = result.tools.filter((one) => typeof one === "object" && one !== null);
    return { tools, nextCursor: result.nextCursor };
  } catch {
    return undefined;
  }
}
