import { catalogue, type Code, type Entry } from "./catalogue.ts";

/** An expected failure as a value: which row of the catalogue, the facts for its message, the reason for the log. */
export interface Refusal {
  readonly refused: Code;
  /** Fill the `{…}` of the public message. */
  readonly facts?: Readonly<Record<string, string>>;
  /** Why, for the log only. Never a secret, never shown to the caller. */
  readonly reason?: string;
  /** Headers of this answer alone: a challenge, say. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the JSON-RPC error's `data`, of this answer alone. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** The id of the message that is answered, as raw JSON text, where only the refusing step knows it. */
  readonly id?: string;
}

/** Builds a refusal: `refuse("BACKEND_SLOW", { server: "docs", limit: "30s" })`. */
export function refuse(
  code: Code,
  facts?: Readonly<Record<string, string>>,
  more?: Pick<Refusal, "reason" | "headers" | "data">,
): Refusal {
  return { refused: code, ...(facts && { facts }), ...more };
}

/** Tells a refusal from any other answer of a step. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === "object" && value !== null && (value as Partial<Refusal>).refused !== undefined;
}

/** A refusal as it goes out: status, headers, body. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The only place that builds an error body.
 *
 * @param id the message's own id as raw JSON text, or `undefined` when no body was read: the member is then absent
 */
export function toWire(refusal: Refusal, requestId: string, id: string | undefined = refusal.id): WireAnswer {
  const entry: Entry = catalogue[refusal.refused];
  const message = publicMessage(refusal);
  const headers = { ...entry.headers, ...refusal.headers };
  if (entry.code === undefined) {
    return {
      status: entry.status,
      headers: { ...headers, "content-type": "text/plain; charset=utf-8" },
      body: `${message}\n`,
    };
  }
  const error = { code: entry.code, message, data: { ...entry.data, ...refusal.data, request_id: requestId } };
  // The id is copied as it was written: a number beyond 2^53 keeps its digits.
  const head = id === undefined ? '{"jsonrpc":"2.0"' : `{"jsonrpc":"2.0","id":${id}`;
  return {
    status: entry.status,
    headers: { ...headers, "content-type": "application/json" },
    body: `${head},"error":${JSON.stringify(error)}}`,
  };
}

/** The sentence that the caller reads. */
export function publicMessage(refusal: Refusal): string {
  return catalogue[refusal.refused].message.replace(/\{(\w+)\}/g, (_, name: string) => refusal.facts?.[name] ?? name);
}
