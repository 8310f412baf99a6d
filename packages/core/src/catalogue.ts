/**
 * Every refusal that a caller can see, as one table: what it is on the wire and how loud it is in the log. Messages are
 * generic where a prober would learn something; `{name}` is filled from the refusal's facts. The reason behind a refusal
 * goes to the log, never into the message.
 */
export interface Entry {
  /** HTTP status. */
  readonly status: number;
  /** JSON-RPC code; without one the answer is plain text. */
  readonly code?: number;
  readonly message: string;
  readonly level: "debug" | "info" | "warn" | "error";
  /** Further members of the JSON-RPC error's `data`. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export const catalogue = {
  // Before anything is read: the gate.
  TARGET_INVALID: { status: 400, message: "the request target is not a canonical path", level: "info" },
  HOST_INVALID: { status: 400, message: "exactly one well-formed Host header is needed", level: "info" },
  HOST_FORBIDDEN: { status: 403, message: "this Host is not served here", level: "warn" },
  ORIGIN_FORBIDDEN: { status: 403, message: "requests from this Origin are not accepted", level: "warn" },
  LOCAL_SECRET: { status: 403, message: "this endpoint needs its local secret", level: "warn" },
  HEADER_REPEATED: { status: 400, message: 'the header "{header}" stands there more than once', level: "info" },
  EXPECTATION_UNKNOWN: { status: 400, message: "this Expect header is not understood", level: "info" },
  REQUEST_MALFORMED: { status: 400, message: "this is not a well-formed HTTP request", level: "info" },
  REQUEST_SLOW: { status: 408, message: "the request did not arrive in time", level: "info" },
  HEADERS_TOO_LARGE: { status: 431, message: "the request has too many or too large headers", level: "info" },
  METHOD_UNKNOWN: {
    status: 405,
    message: "only GET, POST and DELETE are served here",
    level: "info",
    headers: { allow: "GET, POST, DELETE" },
  },
  ROUTE_UNKNOWN: { status: 404, message: "no backend is configured for this path", level: "debug" },

  // The body and the message in it.
  BODY_TOO_LARGE: { status: 413, code: -32600, message: "the body is larger than {limit}", level: "info" },
  BODY_TYPE: { status: 415, code: -32600, message: "the body must be application/json", level: "info" },
  BODY_ENCODED: { status: 415, code: -32600, message: "a compressed body is not accepted", level: "info" },
  NOT_JSON: { status: 400, code: -32700, message: "the body is not JSON", level: "info" },
  MESSAGE_INVALID: { status: 400, code: -32600, message: "not one JSON-RPC 2.0 message: {rule}", level: "info" },
  MESSAGE_AMBIGUOUS: {
    status: 400,
    code: 40001,
    message: "the message can be read in two ways: {rule}",
    level: "warn",
  },
  HEADER_MISMATCH: { status: 400, code: -32020, message: "{header} and the body disagree", level: "warn" },
  HEADER_TWICE: {
    status: 400,
    code: -32020,
    message: 'the header "{header}" stands there more than once',
    level: "warn",
  },
  ENVELOPE_INVALID: { status: 400, code: -32602, message: "invalid _meta envelope: {rule}", level: "info" },
  VERSION_UNSUPPORTED: { status: 400, code: -32022, message: "unsupported protocol version", level: "info" },
  METHOD_NOT_ALLOWED: {
    status: 405,
    code: -32000,
    message: "only POST is served in the modern era",
    level: "info",
    headers: { allow: "POST" },
  },
  NOT_ACCEPTABLE: {
    status: 406,
    code: -32000,
    message: "the client must accept application/json or text/event-stream",
    level: "info",
  },
  SESSION_MISSING: {
    status: 400,
    code: -32000,
    message: "server not initialized: a session id is needed",
    level: "info",
  },
  SESSION_UNKNOWN: {
    status: 404,
    code: -32001,
    message: "session not found",
    level: "info",
    data: { code: 40401 },
  },
  SESSION_BUSY: {
    status: 400,
    code: -32600,
    message: "a request with this id is under way in this session",
    level: "info",
  },

  // Who calls.
  SIGN_IN_NEEDED: { status: 401, code: 40101, message: "sign-in needed", level: "info" },
  TOKEN_INVALID: { status: 401, code: 40101, message: "the token is not valid here", level: "info" },
  PROOF_INVALID: { status: 401, code: 40101, message: "the proof of possession is not valid here", level: "info" },
  PROOF_NONCE: { status: 401, code: 40101, message: "the proof of possession needs a nonce", level: "debug" },
  CLAIM_MISSING: { status: 403, code: 40301, message: "the token lacks a required claim or scope", level: "warn" },
  SIGN_IN_REFUSED: { status: 200, code: 40102, message: "{reason}", level: "warn" },
  SIGN_IN_PENDING: { status: 200, code: 40101, message: "{reason}", level: "info" },
  ISSUER_AWAY: {
    status: 503,
    code: 50301,
    message: "the identity provider cannot be reached",
    level: "error",
    headers: { "retry-after": "5" },
  },
  NOT_READY: {
    status: 503,
    code: 50301,
    message: "not ready: {reason}",
    level: "warn",
    headers: { "retry-after": "5" },
  },
  STREAMS_EXHAUSTED: {
    status: 429,
    code: 42901,
    message: "too many open streams",
    level: "warn",
    headers: { "retry-after": "5" },
  },
  CHILDREN_EXHAUSTED: {
    status: 429,
    code: 42901,
    message: 'the backend "{server}" runs as many sessions as it may',
    level: "warn",
    headers: { "retry-after": "5" },
  },

  // The other end.
  BACKEND_FAILED: { status: 502, code: 50201, message: 'the backend "{server}" failed', level: "error" },
  BACKEND_CREDENTIAL: {
    status: 502,
    code: 50202,
    message: 'the backend "{server}" refused the gateway\'s credential',
    level: "error",
  },
  BACKEND_SLOW: {
    status: 504,
    code: 50401,
    message: 'the backend "{server}" did not answer within {limit}',
    level: "warn",
  },
  SERVER_AWAY: { status: 502, code: 50201, message: "the smcp server at {server} cannot be reached", level: "error" },
  SERVER_SLOW: {
    status: 504,
    code: 50401,
    message: "the smcp server at {server} did not answer within {limit}",
    level: "warn",
  },
  BUG: { status: 500, code: -32603, message: "internal error", level: "error" },
} as const satisfies Record<string, Entry>;

/** The name of a row of the catalogue. */
export type Code = keyof typeof catalogue;
