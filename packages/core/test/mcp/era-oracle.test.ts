/** The classifier beside the SDK's own, on generated messages: they agree, except where this file says why not. */
import { classifyInboundRequest } from "@modelcontextprotocol/server";
import * as fc from "fast-check";
import { expect, it } from "vitest";

import { readHeaders, type HeaderMap } from "../../src/http/headers.ts";
import { encodeHeader } from "../../src/mcp/header-value.ts";
import { eraOf, verifyHeaders } from "../../src/mcp/era.ts";
import { readMessageText } from "../../src/mcp/message.ts";
import { isRefusal } from "../../src/refusal.ts";

const META = "io.modelcontextprotocol/";
const revision = fc.constantFrom("2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28", "2027-03-01", "DRAFT", "");
const maybe = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(one, { nil: undefined, freq: 2 });

const envelope = fc.record(
  {
    [`${META}protocolVersion`]: fc.oneof({ weight: 9, arbitrary: revision }, fc.constantFrom(5, null)),
    [`${META}clientCapabilities`]: fc.oneof({ weight: 9, arbitrary: fc.constant({}) }, fc.constant(5)),
    [`${META}clientInfo`]: fc.constant({ name: "app", version: "1" }),
    progressToken: fc.constantFrom("p", 0),
    unknown: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const whole = fc.constantFrom({ [`${META}protocolVersion`]: "2026-07-28", [`${META}clientCapabilities`]: {} });
const params = fc.record(
  {
    _meta: fc.oneof({ weight: 2, arbitrary: whole }, envelope),
    name: fc.string({ unit: "grapheme", maxLength: 6 }),
    uri: fc.webUrl(),
    protocolVersion: revision,
  },
  { requiredKeys: [] },
);
const method = fc.constantFrom(
  "initialize",
  "server/discover",
  "tools/call",
  "tools/call",
  "tools/list",
  "resources/read",
  "resources/subscribe",
  "notifications/cancelled",
  "tasks/get",
  "x/y",
);
const id = fc.oneof(fc.integer(), fc.string({ maxLength: 4 }), fc.constantFrom(0, 1.5));
const jsonrpc = fc.constant("2.0");
const asked = { jsonrpc, method, params };
const body = fc.oneof(
  { weight: 6, arbitrary: fc.record({ ...asked, id }, { requiredKeys: ["jsonrpc", "id", "method"] }) },
  { weight: 2, arbitrary: fc.record(asked, { requiredKeys: ["jsonrpc", "method"] }) },
  fc.record(
    { jsonrpc, id, result: fc.record({ x: fc.jsonValue() }), params },
    { requiredKeys: ["jsonrpc", "id", "result"] },
  ),
  fc.record({ jsonrpc, id, error: fc.constant({ code: 1, message: "" }) }),
  fc.array(fc.record(asked, { requiredKeys: ["jsonrpc", "method"] }), { maxLength: 2 }),
  fc.jsonValue(),
);

interface Request {
  readonly httpMethod: string;
  readonly body: unknown;
  readonly version: string | undefined;
  readonly method: string | undefined;
  readonly name: string | undefined;
}

const often = (value: unknown, other: fc.Arbitrary<string>): fc.Arbitrary<string | undefined> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(typeof value === "string" ? value : undefined) }, maybe(other));

/** Headers that say what the body says, more often than not. */
const request: fc.Arbitrary<Request> = body.chain((one) => {
  const said = (one ?? {}) as {
    method?: unknown;
    params?: { name?: string; uri?: string; _meta?: Record<string, unknown> };
  };
  const claim = said.params?._meta?.[`${META}protocolVersion`];
  return fc.record({
    httpMethod: fc.oneof({ weight: 9, arbitrary: fc.constant("POST") }, fc.constantFrom("GET", "DELETE")),
    body: fc.constant(one),
    version: often(
      claim,
      revision.filter((text) => text !== ""),
    ),
    method: often(said.method, method),
    name: often(said.params?.name ?? said.params?.uri, fc.constantFrom("x", "=?base64?e?=")),
  });
});

function headersOf({ version, method: about, name }: Request): HeaderMap {
  const raw: string[] = [];
  if (version !== undefined) raw.push("MCP-Protocol-Version", version);
  if (about !== undefined) raw.push("Mcp-Method", about);
  if (name !== undefined) raw.push("Mcp-Name", name.startsWith("=?base64?") ? name : encodeHeader(name));
  return readHeaders(raw) as HeaderMap;
}

/** An era or the code of a refusal; of other methods than POST no body is read (`server/src/stages/read.ts`). */
function ours(one: Request): string {
  if (one.httpMethod !== "POST") return "legacy";
  const headers = headersOf(one);
  const message = readMessageText(JSON.stringify(one.body));
  if (isRefusal(message)) return message.refused;
  const era = eraOf(message, headers);
  return verifyHeaders(message, era, headers)?.refused ?? era;
}

function claimOf(body: unknown): unknown {
  const said = (body ?? {}) as { params?: { _meta?: Record<string, unknown> } };
  return said.params?._meta?.[`${META}protocolVersion`];
}

type Verdict = ReturnType<typeof classifyInboundRequest>;

/** What ours must come to, given what the SDK's comes to. */
function allowed(one: Request): readonly string[] {
  const verdict = classifyInboundRequest({
    httpMethod: one.httpMethod,
    ...(one.version !== undefined && { protocolVersionHeader: one.version }),
    ...(one.method !== undefined && { mcpMethodHeader: one.method }),
    body: one.body,
  });
  const claim = claimOf(one.body);
  const byClaim = typeof claim === "string" && claim >= "2026-07-28" ? "modern" : "legacy";
  if (verdict.kind === "legacy") return asLegacy(verdict, claim, byClaim);
  if (verdict.kind === "reject") return asRejected(verdict, claim, byClaim);
  const { era } = verdict.classification;
  // The SDK asks for the headers that must be there, and for the name in them, one step later.
  return era === "modern" && verdict.messageKind === "request" && !isComplete(one) ? ["HEADER_MISMATCH"] : [era];
}

function asLegacy({ reason }: Verdict & { kind: "legacy" }, claim: unknown, byClaim: string): readonly string[] {
  // Batches are refused whole, by name: no revision but that of 2025-03-26 ever had them.
  if (reason === "batch") return ["MESSAGE_INVALID"];
  return reason === "initialize" ? asHandshake(claim, byClaim, "legacy") : ["legacy"];
}

/**
 * A claim that makes no whole envelope does not turn a handshake into another message for the SDK. Here it is what it
 * claims to be, headers and all, and the backend judges the rest of the envelope.
 */
function asHandshake(claim: unknown, byClaim: string, without: string): readonly string[] {
  if (claim === undefined) return [without];
  return byClaim === "modern" ? ["modern", "HEADER_MISMATCH"] : [without, "HEADER_MISMATCH", "ENVELOPE_INVALID"];
}

function asRejected(
  { cell, code, rung }: Verdict & { kind: "reject" },
  claim: unknown,
  byClaim: string,
): readonly string[] {
  // What is no JSON-RPC message to the SDK has no era; the backend refuses what we are milder about, odd ids say.
  if (rung === "jsonrpc-shape") return ANYTHING;
  // Only the claim decides anything here: the rest of the envelope is the backend's to judge.
  if (cell === "envelope-invalid")
    return typeof claim === "string" ? [byClaim, "HEADER_MISMATCH"] : ["ENVELOPE_INVALID"];
  // In the legacy era the header is left out on the way: nobody is told anything by it.
  if (cell === "method-header-mismatch" && byClaim === "legacy") return ["legacy"];
  // The specification leaves headers of notifications undefined: the backend may ask for more.
  if (/^notification-.*-mismatch$/.test(cell)) return [claim === undefined ? "modern" : byClaim];
  if (cell === "initialize-with-modern-header") return asHandshake(claim, byClaim, "HEADER_MISMATCH");
  return [code === -32_020 ? "HEADER_MISMATCH" : "ENVELOPE_INVALID"];
}

const ANYTHING = ["legacy", "modern", "HEADER_MISMATCH", "ENVELOPE_INVALID", "MESSAGE_INVALID", "MESSAGE_AMBIGUOUS"];

function isComplete(one: Request): boolean {
  const { method: about, params: given } = one.body as { method: string; params: { name?: string; uri?: string } };
  const name = about === "tools/call" ? given.name : about.startsWith("resources/") ? given.uri : undefined;
  if (one.version === undefined || one.method === undefined) return false;
  if (name === undefined) return one.name !== "=?base64?e?=";
  return one.name === undefined ? about === "resources/subscribe" : one.name === name;
}

it("agrees with the SDK's classifier", () => {
  fc.assert(
    fc.property(request, (one) => {
      expect(allowed(one)).toContain(ours(one));
    }),
    { numRuns: 2_000 },
  );
});
