/** Requests in pieces that are well-formed, for a row to break exactly one thing of. */

const CRLF = "\r\n";

/** The one Host that is served. */
export const HOST = "Host: {host}";
/** A path of a backend, the case's own. */
export const PATH = "/docs/{id}";
export const JSON_TYPE = "Content-Type: application/json";
/** A message that every era takes. */
export const BODY = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
/** What must never be taken for a request of its own. As long as it will be sent: nothing in it stands for a longer text. */
export const HIDDEN = `GET ${PATH}z HTTP/1.1${CRLF}Host: localhost${CRLF}${CRLF}`;

/** A head: the lines as they are, each ended by CR LF, and an empty one. */
export function head(...lines: readonly string[]): string {
  return `${lines.join(CRLF)}${CRLF}${CRLF}`;
}

/** A GET with a good Host, and further headers. */
export function get(target: string, ...headers: readonly string[]): string {
  return head(`GET ${target} HTTP/1.1`, HOST, ...headers);
}

/** A POST of JSON with a good Host and a right length. */
export function post(headers: readonly string[] = [], body = BODY): string {
  return head(`POST ${PATH} HTTP/1.1`, HOST, JSON_TYPE, ...headers, `Content-Length: ${body.length}`) + body;
}

/** The head of a POST of JSON that leaves the framing of its body to the given headers; then the body as it is. */
export function framed(headers: readonly string[], body: string): string {
  return head(`POST ${PATH} HTTP/1.1`, HOST, JSON_TYPE, ...headers) + body;
}

/** A POST in chunks: the text behind its head as it is. */
export function chunked(body: string, ...headers: readonly string[]): string {
  return framed(["Transfer-Encoding: chunked", ...headers], body);
}

/** The message as one good chunk, without the end. */
export const CHUNK = `${BODY.length.toString(16)}${CRLF}${BODY}${CRLF}`;
/** The message in chunks, whole. */
export const CHUNKS = `${CHUNK}0${CRLF}${CRLF}`;
